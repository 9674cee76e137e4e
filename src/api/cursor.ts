/** Where the next page begins, in a form that clients need not understand. */
import { sha256 } from '../credentials.ts';

/** What a list is filtered by. A cursor is of one list only. */
export interface Filter {
  readonly customerId: string | null;
  readonly status: string | null;
}

const ID_BYTES = 16;
/** Enough to tell a cursor of another list, or one that was made up; it keeps no secret, and an id alone opens nothing. */
const CHECK_BYTES = 5;

/** A cursor is the bytes of the last order's id, and a digest of them with their list: 28 characters. */
export function toCursor(id: string, { customerId, status }: Filter): string {
  const bytes = Buffer.from(id.replaceAll('-', ''), 'hex');
  const check = sha256(JSON.stringify([id, customerId?.toLowerCase() ?? null, status]));
  return Buffer.concat([bytes, check.subarray(0, CHECK_BYTES)]).toString('base64url');
}

/** The id of the last order of the page before, or undefined when the cursor is none of that list. */
export function fromCursor(cursor: string, filter: Filter): string | undefined {
  const hex = Buffer.from(cursor, 'base64url').toString('hex', 0, ID_BYTES);
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return toCursor(id, filter) === cursor ? id : undefined;
}
