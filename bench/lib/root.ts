/** Where the project lies. */
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');
