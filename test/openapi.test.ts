/** The document of the API is true: valid, complete, with examples that are what they show, and a typed client is made of it. */
import { Validator } from '@seriousme/openapi-schema-validator';
import type { FastifyInstance } from 'fastify';
import openapiTypescript, { astToString } from 'openapi-typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAjv } from '../local/fuzz/contract.ts';
import { anonymous, openWeb, registeredRoutes } from './support/web.ts';
import { openWorld, type World } from './support/world.ts';

interface Media {
  readonly schema: object;
  readonly example?: unknown;
}
interface Answer {
  readonly description: string;
  readonly headers?: Record<string, { schema: object; example: unknown }>;
  readonly content?: Record<string, Media>;
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: string[];
  readonly security: object[];
  readonly parameters?: { name: string; schema: object; example?: unknown }[];
  readonly requestBody?: { content: Record<string, Media> };
  readonly responses: Record<string, Answer>;
}
interface Document {
  readonly openapi: string;
  readonly tags: { name: string }[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, object>; securitySchemes: Record<string, object> };
}

let world: World;
let app: FastifyInstance;
let document: Document;
/** `METHOD /path` with its operation. */
let operations: [route: string, operation: Operation][];
beforeAll(async () => {
  world = await openWorld({ PUBLIC_URL: 'https://orders.example' });
  app = await openWeb(world);
  document = (await anonymous(app)('GET', '/docs/json')).json;
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );
});
afterAll(() => world.close());

it('is valid OpenAPI 3.1', async () => {
  const { valid, errors } = await new Validator().validate({ ...structuredClone(document) });
  expect(errors).toBeUndefined();
  expect([valid, document.openapi]).toEqual([true, '3.1.0']);
});

it('has every route of the API, and no other', () => {
  const elsewhere = / \/(livez|readyz|metrics|docs|admin(?!\/api\/dead-letters))(\/|$)/;
  const registered = registeredRoutes(app).filter((route) => !elsewhere.test(route));
  const documented = operations.map(([route]) => route.replace(/\{(\w+)\}/g, ':$1'));
  const heads = documented
    .filter((route) => route.startsWith('GET '))
    .map((route) => route.replace('GET', 'HEAD'));
  expect(documented.length).toBeGreaterThanOrEqual(7);
  expect([...documented, ...heads].sort()).toEqual(registered.sort());
});

it('describes requests as they are checked', () => {
  const { NewOrder } = document.components.schemas;
  expect(NewOrder).toMatchObject({
    required: ['customerId', 'currency', 'items'],
    additionalProperties: false,
    properties: { items: { maxItems: 100 } },
  });
  const { requestBody, parameters = [] } = document.paths['/orders']?.post ?? {};
  expect(requestBody?.content['application/json']?.schema).toEqual({ $ref: '#/components/schemas/NewOrder' });
  expect(parameters).toMatchObject([{ in: 'header', name: 'idempotency-key', required: false }]);
});

describe('every operation', () => {
  it('has a name of its own, words, a known tag and a known way of signing in', () => {
    const names = operations.map(([, { operationId }]) => operationId);
    expect(new Set(names).size).toBe(operations.length);
    const tags = document.tags.map(({ name }) => name);
    for (const [route, { operationId, summary, tags: own, security }] of operations) {
      expect(operationId, route).toMatch(/^[a-z][A-Za-z]+$/);
      expect(summary.length, route).toBeGreaterThan(5);
      expect(tags, route).toEqual(expect.arrayContaining(own));
      const schemes = security.flatMap((one) => Object.keys(one));
      expect(schemes.length, route).toBe(1);
      expect(document.components.securitySchemes, route).toHaveProperty(schemes);
    }
  });

  it('answers data as JSON and every refusal as a problem, each with its meaning', () => {
    for (const [route, { responses }] of operations)
      for (const [status, { content, description }] of Object.entries(responses)) {
        const types =
          status >= '400'
            ? ['application/problem+json']
            : status === '200' || status === '201'
              ? ['application/json']
              : [];
        expect(Object.keys(content ?? {}), `${route} ${status}`).toEqual(types);
        expect(description, `${route} ${status}`).not.toMatch(/^(Default Response)?$/);
      }
  });

  it('may refuse for the key, for how the request came, and while a store is away', () => {
    for (const [route, { responses, security }] of operations) {
      const limited = security.some((scheme) => 'bearer' in scheme) ? ['429'] : [];
      expect(Object.keys(responses), route).toEqual(
        expect.arrayContaining(['400', '401', '408', ...limited, '431', '503']),
      );
    }
  });

  it('shows an example of its request, of every parameter, answer and header, and each is what it shows', () => {
    const ajv = openAjv(document);
    const faults: string[] = [];
    let shown = 0;
    function hold(where: string, { schema, example }: { schema: object; example?: unknown }): void {
      shown += 1;
      const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/'));
      if (example === undefined) faults.push(`${where}: none`);
      else if (!ajv.validate(absolute, example)) faults.push(`${where}: ${ajv.errorsText()}`);
    }
    for (const [route, { parameters = [], requestBody, responses }] of operations) {
      for (const parameter of parameters) hold(`${route} ${parameter.name}`, parameter);
      for (const media of Object.values(requestBody?.content ?? {})) hold(`${route} request`, media);
      for (const [status, { content = {}, headers = {} }] of Object.entries(responses)) {
        for (const media of Object.values(content)) hold(`${route} ${status}`, media);
        for (const [name, header] of Object.entries(headers)) hold(`${route} ${status} ${name}`, header);
      }
    }
    expect(faults).toEqual([]);
    expect(shown).toBeGreaterThan(60);
  });
});

it('is what the typed client in test/client is made of (vitest -u makes it anew)', async () => {
  const ast = await openapiTypescript(JSON.stringify(document), { alphabetize: true });
  await expect(astToString(ast)).toMatchFileSnapshot('client/api.d.ts');
});
