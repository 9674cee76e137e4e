/**
 * What the provider's documentation demands of a letter and of a batch. Fields it doesn't name are let through unseen;
 * the wording of messages is not documented and follows what the provider is known to answer.
 */

import { troublesOf } from './addresses.ts';
import { isRefusal, missingField, type Refusal, validationError } from './answers.ts';
import type { Draft, Tag } from './letter.ts';

const MAX_RECIPIENTS = 50;
const MAX_BATCH = 100;
const ADDRESS = /^[^\s@<>(),;:"[\]\\]+@[^\s@<>(),;:"[\]\\.]+(\.[^\s@<>(),;:"[\]\\.]+)+$/;
const FRIENDLY = /^[^<>]*<([^<>]*)>$/;
const TAG_PART = /^[A-Za-z0-9_-]{1,256}$/;

type Fields = Record<string, unknown>;

/** What a request asks for: the letters to accept and how to word the success once they have ids. */
export interface Order {
  drafts: Draft[];
  success: (ids: string[]) => unknown;
}

/** Reads the body of `POST /emails`; `text` is its exact JSON. */
export function readSingle(value: unknown, text: string): Order | Refusal {
  const draft = readLetter(value, text);
  if (isRefusal(draft)) return draft;
  return { drafts: [draft], success: ([id]) => ({ id }) };
}

/**
 * Reads the body of `POST /emails/batch`. Strict: the first bad letter refuses them all. Permissive: bad letters are
 * listed in `errors`, by their index in the request, and the others are accepted.
 */
export function readBatch(value: unknown, text: string, permissive: boolean): Order | Refusal {
  if (!Array.isArray(value)) return validationError('The batch must be an array of emails.');
  if (value.length === 0) return validationError('The batch must have at least one email.');
  if (value.length > MAX_BATCH) return validationError(`The batch must have at most ${MAX_BATCH} emails.`);
  const texts = elementTexts(text);
  const read = value.map((letter, index) => readBatchLetter(letter, texts[index] ?? ''));
  return permissive ? permissiveOrder(read) : strictOrder(read);
}

function strictOrder(read: (Draft | Refusal)[]): Order | Refusal {
  const refusal = read.find(isRefusal);
  if (refusal) return refusal;
  return { drafts: read.filter(isDraft), success: (ids) => ({ data: ids.map((id) => ({ id })) }) };
}

function permissiveOrder(read: (Draft | Refusal)[]): Order {
  const errors = read.flatMap((letter, index) =>
    isRefusal(letter) ? [{ index, message: letter.message }] : [],
  );
  return { drafts: read.filter(isDraft), success: (ids) => ({ data: ids.map((id) => ({ id })), errors }) };
}

function isDraft(letter: Draft | Refusal): letter is Draft {
  return !isRefusal(letter);
}

function readBatchLetter(value: unknown, text: string): Draft | Refusal {
  const unsupported = ['attachments', 'scheduled_at'].find((field) => isFields(value) && field in value);
  if (unsupported) return validationError(`The \`${unsupported}\` field is not supported in batches.`);
  return readLetter(value, text);
}

function readLetter(value: unknown, text: string): Draft | Refusal {
  if (!isFields(value)) return validationError('The email must be an object.');
  const refusal =
    missing(value) ??
    wrongAddresses(value) ??
    wrongContent(value) ??
    wrongExtras(value) ??
    refusedHere(value);
  return refusal ?? draftOf(value, text);
}

function missing(letter: Fields): Refusal | undefined {
  const field = ['from', 'to', 'subject'].find((name) => letter[name] === undefined || letter[name] === '');
  if (field) return missingField(`\`${field}\``);
  // An empty text is allowed beside html: it means "make no plain text of the html".
  return letter.html || letter.text ? undefined : missingField('`html` or `text`');
}

function wrongAddresses(letter: Fields): Refusal | undefined {
  if (!isAddress(letter.from)) return { ...addressFault('from'), name: 'invalid_from_address' };
  const wrong = ['to', 'cc', 'bcc', 'reply_to'].find(
    (field) => letter[field] !== undefined && !listOf(letter[field]).every(isAddress),
  );
  if (wrong) return addressFault(wrong);
  const recipients = listOf(letter.to).length;
  if (recipients === 0) return missingField('`to`');
  if (recipients > MAX_RECIPIENTS)
    return validationError(`The \`to\` field has more than ${MAX_RECIPIENTS}.`);
  return undefined;
}

function addressFault(field: string): Refusal {
  const format =
    'The email address needs to follow the `email@example.com` or `Name <email@example.com>` format.';
  return validationError(`Invalid \`${field}\` field. ${format}`);
}

function wrongContent(letter: Fields): Refusal | undefined {
  const field = ['subject', 'html', 'text'].find(
    (name) => letter[name] !== undefined && typeof letter[name] !== 'string',
  );
  return field ? validationError(`The \`${field}\` field must be a string.`) : undefined;
}

function wrongExtras({ headers, tags, attachments }: Fields): Refusal | undefined {
  if (headers !== undefined && !isHeaders(headers)) {
    return validationError('The `headers` field must be an object of strings.');
  }
  if (tags !== undefined && !(Array.isArray(tags) && tags.every(isTag))) {
    return validationError(
      'Tags should only contain ASCII letters, numbers, underscores, or dashes, at most 256 of them.',
    );
  }
  if (attachments !== undefined && !(Array.isArray(attachments) && attachments.every(isAttachment))) {
    return {
      ...validationError('Attachment must have either a `content` or `path`.'),
      name: 'invalid_attachment',
    };
  }
  return undefined;
}

function refusedHere(letter: Fields): Refusal | undefined {
  const recipients = listOf(letter.to).filter(isAddress);
  if (!troublesOf(recipients).has('refused')) return undefined;
  return validationError('Invalid `to` field. This mailbox refuses every letter to refused@.');
}

function draftOf(letter: Fields, body: string): Draft {
  // The rules above have made sure of every type below.
  const { from, subject, html, text, headers, tags } = letter as unknown as Omit<Draft, 'tags'> & {
    tags?: Tag[];
  };
  return {
    to: listOf(letter.to).filter(isAddress),
    from,
    subject,
    ...(html === undefined ? {} : { html }),
    ...(text === undefined ? {} : { text }),
    ...(headers === undefined ? {} : { headers }),
    tags: (tags ?? []).map(({ name, value }) => ({ name, value })),
    body,
  };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}

function isAddress(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  return ADDRESS.test((FRIENDLY.exec(value)?.[1] ?? value).trim());
}

function isHeaders(value: unknown): value is Record<string, string> {
  return isFields(value) && Object.values(value).every((header) => typeof header === 'string');
}

function isTag(value: unknown): value is Tag {
  return isFields(value) && [value.name, value.value].every(isTagPart);
}

function isTagPart(part: unknown): boolean {
  return typeof part === 'string' && TAG_PART.test(part);
}

function isAttachment(value: unknown): boolean {
  return isFields(value) && (Boolean(value.content) || Boolean(value.path));
}

/**
 * Cuts a valid JSON array into the exact texts of its elements. Parsing and printing again would not give the same
 * bytes (`1.0` becomes `1`).
 */
function elementTexts(array: string): string[] {
  const texts: string[] = [];
  let start = array.indexOf('[') + 1;
  let depth = 0;
  for (let at = start; depth >= 0 && at < array.length; at++) {
    const character = array[at];
    if (character === '"') at = endOfString(array, at);
    else if (character === '[' || character === '{') depth++;
    else if (character === ']' || character === '}') depth--;
    if (depth < 0 || (depth === 0 && character === ',')) {
      texts.push(array.slice(start, at).trim());
      start = at + 1;
    }
  }
  return texts;
}

function endOfString(text: string, opening: number): number {
  let at = opening + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}
