/**
 * The registry of message types. To add one, write `letters/<type>.ts`, which exports a `MessageType`, and give it its line in
 * `letters/all.ts`:
 *
 *     export { orderReturned } from './order-returned.ts';
 */

import * as letters from './letters/all.ts';
import type { MessageType } from './letters/letter.ts';

/** The name of a registered type, as the ledger and its jobs carry it: `order.created`, `order.shipped`, `order.cancelled`. */
export type MessageTypeName = (typeof letters)[keyof typeof letters]['type'];

/** All registered types, in alphabetical order. */
export const messageTypes: readonly MessageType[] = Object.values(letters);

/** The registered type of this name; none for one that a newer version of the application has staged. */
export function findMessageType(type: string): MessageType | undefined {
  return messageTypes.find((known) => known.type === type);
}
