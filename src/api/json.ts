/** Reads a body: UTF-8, JSON, and every number exactly as it is written. What it is about, the schemas say. */
import type { FastifyInstance } from 'fastify';

/**
 * Parses `application/json` in this scope. No body and an empty one are undefined. A field called `__proto__` is a field like
 * any other here, which the schemas refuse by its name.
 */
export function readJson(app: FastifyInstance): void {
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parse(body as Buffer)); // as it was asked for
    } catch (error) {
      done(error as Error); // made below
    }
  });
}

function parse(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  const text = decode(body);
  try {
    return JSON.parse(withoutInexact(text));
  } catch {
    throw invalidBody([{ path: '', message: 'is not JSON' }]); // the parser's own words repeat the body
  }
}

/** A replaced character would be stored as if the client had sent it. */
function decode(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw invalidBody([{ path: '', message: 'is not UTF-8' }]);
  }
}

/** An error like those of the schemas: 400, with the fields at fault. */
export function invalidBody(faults: readonly { path: string; message: string }[]): Error {
  return Object.assign(new Error('The body is not valid.'), {
    statusCode: 400,
    validationContext: 'body',
    validation: faults.map(({ path, message }) => ({
      instancePath: path,
      message,
      keyword: '',
      params: {},
      schemaPath: '',
    })),
  });
}

/** Texts, so that what stands in them is left alone, and numbers. One that is not closed is a text too: no look back at any input. */
const TOKENS = /"(?:[^"\\]+|\\[\s\S]?)*"?|-?\d+(?:\.(\d+))?(?:[eE]([+-]?\d+))?/g;
/** It becomes Infinity, which no schema takes: so the field at fault is named. */
const NO_NUMBER = '1e999';

/**
 * A number that is none of the numbers which JavaScript has is rounded when it is read: 1.00000000000000000001 to 1, which
 * would be taken for an amount that nobody has sent.
 */
export function withoutInexact(text: string): string {
  return text.replace(TOKENS, (token, fraction: string | undefined, exponent: string | undefined) =>
    token.startsWith('"') || isExact(token, fraction ?? '', exponent ?? '0') ? token : NO_NUMBER,
  );
}

function isExact(token: string, fraction: string, exponent: string): boolean {
  const read = Number(token);
  // What is read as no whole number, or as one beyond all amounts, is refused as it is.
  if (!Number.isSafeInteger(read)) return true;
  if (fraction === '' && exponent === '0') return true;
  const [mantissa = ''] = token.split(/[eE]/);
  const digits = BigInt(mantissa.replace('.', ''));
  if (read === 0 || digits === 0n) return digits === 0n && read === 0;
  // It is read as a whole number of at most 16 digits, so that the shift is no longer than the token.
  const shift = Number(exponent) - fraction.length;
  return shift >= 0 ? true : digits === BigInt(read) * 10n ** BigInt(-shift);
}
