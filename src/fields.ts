/** What the texts in a request must look like, and what is said of a field that is not as it must be. */

/** A form of text: the pattern that checks it, and what completes the sentence "it must be …". */
interface Form {
  readonly pattern: string;
  readonly words: string;
}

/**
 * One address: an ASCII dot-atom at a dotted domain, within the lengths of the mail standards. No quoted local part, no address
 * literal, no local name: nothing by which a letter could reach somebody else, or a header could be smuggled in.
 */
const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const TOP_LABEL = '(?![Ll][Oo][Cc][Aa][Ll][Hh][Oo][Ss][Tt]$)[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]';
export const ADDRESS: Form = {
  pattern: `^(?=.{1,254}$)(?=.{1,64}@)${ATOM}(?:\\.${ATOM})*@(?:${LABEL}\\.)+${TOP_LABEL}$`,
  words: 'one e-mail address in ASCII, such as ada@example.com, of 254 characters at most',
};

/** An id of ours, in any case; no other form that Postgres would take. */
export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Postgres refuses lone surrogates, and a letter that calls somebody nothing looks broken. */
export const NAME: Form = {
  pattern:
    '^(?=[\\s\\S]*(?![\\p{Default_Ignorable_Code_Point}\\u2800])[\\p{L}\\p{N}\\p{P}\\p{S}])[^\\p{Cc}\\p{Cs}]+$',
  words: 'a text with a visible character and without control characters or lone surrogates',
};

export const KEY: Form = {
  pattern: '^[\\x21-\\x7e]{1,255}$',
  words: 'given once, with 1 to 255 visible ASCII characters and no spaces',
};

export const PAGE_LIMIT: Form = { pattern: '^(?:[1-9]\\d?|100)$', words: 'a whole number from 1 to 100' };

export const CURSOR: Form = {
  pattern: '^[A-Za-z0-9_-]{28}$',
  words: 'the nextCursor of a page of this list, with the same customerId and status',
};

/** Characters of a name or an article number, counted in code points. */
export const LONGEST_NAME = 200;

/** Formats of ours, for Ajv. */
export const formats = {
  /** What is too long is refused for that: to normalise a long text can take a thousand times as long as to read it. */
  nfc: (text: string): boolean => text.length > 2 * LONGEST_NAME || text === text.normalize('NFC'),
};

const FORMS = [ADDRESS, NAME, KEY, PAGE_LIMIT, CURSOR];
const FORMATS: Readonly<Record<string, string>> = {
  nfc: 'must be in Unicode normalisation form C',
  uuid: 'must be a UUID, such as 01a206af-e963-7718-bde8-550b698e9829',
};
/** A list that is longer than this stands in the documentation only. */
const MOST_VALUES_SAID = 8;

/** What Ajv has found wrong with a field. */
interface Finding {
  readonly keyword: string;
  readonly message?: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** @param inQuery there every value is a text, or several texts if it was given several times. */
export function inWords({ keyword, message, params }: Finding, inQuery: boolean): string {
  switch (keyword) {
    case 'required':
      return 'is missing';
    case 'additionalProperties':
      return 'is not known here';
    case 'type':
      return inQuery ? 'must be given only once' : `must be ${article(String(params.type))}`;
    case 'minimum':
      return `must be at least ${params.limit}`;
    case 'maximum':
      return `must be at most ${params.limit}`;
    case 'minLength':
      return 'must not be empty'; // none is to be longer than that at least
    case 'maxLength':
      return `must not have more than ${params.limit} characters`;
    case 'minItems':
      return `must have at least ${params.limit}`;
    case 'maxItems':
      return `must not have more than ${params.limit}`;
    case 'enum':
      return valuesInWords(params.allowedValues);
    case 'pattern': {
      const form = FORMS.find(({ pattern }) => pattern === params.pattern);
      return form ? `must be ${form.words}` : 'has a form or characters that are not allowed';
    }
    case 'format':
      return FORMATS[String(params.format)] ?? message ?? 'is not valid';
    default:
      return message ?? 'is not valid';
  }
}

const article = (type: string): string => `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;

function valuesInWords(values: unknown): string {
  const list = Array.isArray(values) ? values : [];
  return list.length > MOST_VALUES_SAID
    ? `must be one of the ${list.length} documented values, such as ${list[0]}`
    : `must be one of ${list.join(', ')}`;
}
