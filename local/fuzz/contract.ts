/** The document as the fuzzer reads it: which operations there are, what they take, and what they may answer. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

/** A JSON schema, as far as the fuzzer makes values of it. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: Schema;
  readonly example?: unknown;
}

export interface Operation {
  /** `POST /orders/{id}/ship` */
  readonly route: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** Undefined for one that takes no body. */
  readonly body: Schema | undefined;
  readonly example: unknown;
  /** The names of its security schemes. */
  readonly security: readonly string[];
}

/** As much of a document as is read here. Whether it is a valid one is tested elsewhere. */
export interface Document {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly parameters?: readonly Parameter[];
            readonly security?: readonly Readonly<Record<string, unknown>>[];
            readonly requestBody?: {
              readonly content: Readonly<Record<string, { schema: Schema; example?: unknown }>>;
            };
            readonly responses: Readonly<Record<string, Described>>;
          }
        >
      >
    >
  >;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}
interface Described {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, unknown>>;
}

export interface Contract {
  readonly operations: readonly Operation[];
  /** A schema in place of a pointer to it. */
  resolve(schema: Schema): Schema;
  accepts(schema: Schema, value: unknown): boolean;
  /** The media types of that answer, and its headers; undefined when the document does not describe it. */
  described(
    route: string,
    status: number,
  ): { types: readonly string[]; headers: readonly string[] } | undefined;
  /** What is wrong with that body, in words; undefined when nothing is. */
  faultOf(route: string, status: number, type: string, body: unknown): string | undefined;
  /** The same for a problem of any path. */
  problemFault(body: unknown): string | undefined;
}

const ID = 'document';

/** A validator that knows the document, and the formats that it names. */
export function openAjv(document: object): Ajv2020 {
  const ajv = new Ajv2020({ strict: false });
  formats.default(ajv);
  ajv.addFormat('nfc', (text) => text === text.normalize('NFC'));
  ajv.addSchema(document, ID);
  return ajv;
}

export function readContract(document: Document): Contract {
  const ajv = openAjv(document);
  const validators = new Map<string, ReturnType<Ajv2020['compile']>>();

  function compiled(key: string, schema: object): ReturnType<Ajv2020['compile']> {
    const known = validators.get(key);
    if (known) return known;
    const made = ajv.compile(schema);
    validators.set(key, made);
    return made;
  }
  const at = (pointer: string) => compiled(pointer, { $ref: `${ID}#${pointer}` });
  const fault = (validate: ReturnType<typeof at>, body: unknown) =>
    validate(body) ? undefined : ajv.errorsText(validate.errors).slice(0, 200);
  const resolve = (schema: Schema): Schema => {
    const name = schema.$ref?.replace('#/components/schemas/', '');
    return name === undefined ? schema : (document.components.schemas[name] ?? {});
  };
  const answerAt = (route: string, status: number): [Described | undefined, string] => {
    const [method = '', path = ''] = route.split(' ');
    const key = method.toLowerCase();
    return [
      document.paths[path]?.[key]?.responses[status],
      `/paths/${pointerToken(path)}/${key}/responses/${status}`,
    ];
  };

  return {
    operations: operationsOf(document),
    resolve,
    accepts(schema, value) {
      const text = JSON.stringify(schema).replaceAll('"#/', `"${ID}#/`);
      return Boolean(compiled(text, JSON.parse(text))(value));
    },
    described(route, status) {
      const [answer] = answerAt(route, status);
      return (
        answer && { types: Object.keys(answer.content ?? {}), headers: Object.keys(answer.headers ?? {}) }
      );
    },
    faultOf(route, status, type, body) {
      const [, pointer] = answerAt(route, status);
      return fault(at(`${pointer}/content/${pointerToken(type)}/schema`), body);
    },
    problemFault: (body) => fault(at('/components/schemas/Problem'), body),
  };
}

function operationsOf({ paths }: Document): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], security = [], requestBody }]) => {
      const media = requestBody?.content['application/json'];
      return {
        route: `${method.toUpperCase()} ${path}`,
        method: method.toUpperCase(),
        ...{ path, parameters, body: media?.schema, example: media?.example },
        security: security.flatMap((one) => Object.keys(one)),
      };
    }),
  );
}

/** RFC 6901, in the fragment of an address. */
const pointerToken = (name: string) => encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));
