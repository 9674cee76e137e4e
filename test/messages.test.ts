/** The registry of message types, and the payloads that it lets through. */

import { readdir, readFile } from 'node:fs/promises';
import { Value } from 'typebox/value';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { findMessageType, type MessageTypeName, messageTypes } from '../src/messages.ts';

const payload = {
  orderId: '0190a1b2-7c3d-7e4f-8a5b-1234567890ab',
  customerId: '0190a1b2-7c3d-7e4f-8a5b-ba0987654321',
  orderTotal: 3700,
  timestamp: '2026-11-09T03:47:23.000Z',
};

describe('the registry', () => {
  it('holds exactly the three order messages, by name', () => {
    expect(messageTypes.map(({ type }) => type).sort()).toEqual([
      'order.cancelled',
      'order.created',
      'order.shipped',
    ]);
    expectTypeOf<MessageTypeName>().toEqualTypeOf<'order.created' | 'order.shipped' | 'order.cancelled'>();
  });

  it('finds a type by its own name only', () => {
    for (const known of messageTypes) expect(findMessageType(known.type)).toBe(known);
    for (const unknown of ['order.returned', 'Order.Created', '', 'constructor', 'orderCreated']) {
      expect(findMessageType(unknown)).toBeUndefined();
    }
  });

  it('gives every file of a letter its one line', async () => {
    const letters = new URL('../src/letters/', import.meta.url);
    const files = (await readdir(letters)).filter((file) => file.startsWith('order-')).sort();
    const lines = (await readFile(new URL('all.ts', letters), 'utf8')).match(/^export .*$/gm) ?? [];
    expect(lines.map((line) => line.match(/'\.\/(.+)'/)?.[1]).sort()).toEqual(files);
  });
});

describe.each(messageTypes.map((known) => [known.type, known] as const))('a payload of %s', (_, known) => {
  it('with its four fields is valid', () => {
    expect(Value.Check(known.payload, payload)).toBe(true);
    expect(Value.Check(known.payload, { ...payload, orderTotal: Number.MAX_SAFE_INTEGER })).toBe(true);
  });

  it.each(Object.keys(payload))('without %s is invalid', (field) => {
    const rest = Object.fromEntries(Object.entries(payload).filter(([name]) => name !== field));
    expect(Value.Check(known.payload, rest)).toBe(false);
  });

  it.each([
    { orderId: '42' },
    { orderId: `${payload.orderId}\r\nBcc: everyone@example.com` },
    { customerId: null },
    { orderTotal: 37.5 },
    { orderTotal: '3700' },
    { orderTotal: -1 },
    { orderTotal: Number.MAX_SAFE_INTEGER + 1 },
    { timestamp: 'yesterday' },
    { email: 'jane@example.com' },
  ])('with %j is invalid', (change) => {
    expect(Value.Check(known.payload, { ...payload, ...change })).toBe(false);
  });
});
