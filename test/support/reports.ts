/** Reports as the provider sends them: signed, each with an id of its own. */
import { createHmac, randomUUID } from 'node:crypto';

export const REPORT_SECRET = `whsec_${Buffer.from('a secret of the tests, 32 bytes!').toString('base64')}`;

export interface Signing {
  readonly id?: string;
  readonly secret?: string;
  /** Seconds since 1970. */
  readonly timestamp?: string;
}

/** The headers that go with that very text. */
export function signed(
  text: string | Buffer,
  {
    id = randomUUID(),
    secret = REPORT_SECRET,
    timestamp = String(Math.floor(Date.now() / 1_000)),
  }: Signing = {},
): { 'svix-id': string; 'svix-timestamp': string; 'svix-signature': string } {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(text).digest('base64');
  return { 'svix-id': id, 'svix-timestamp': timestamp, 'svix-signature': `v1,${signature}` };
}

/** A report's body. */
export const report = (
  type: string,
  data: Readonly<Record<string, unknown>>,
  at = new Date().toISOString(),
) => ({ type, created_at: at, data: { created_at: at, ...data } });
