/** Where the next page begins, in a form that clients need not understand. */

/** A cursor is the bytes of the last order's id. */
export const toCursor = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');

export function fromCursor(cursor: string): string {
  const hex = Buffer.from(cursor, 'base64url').toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
