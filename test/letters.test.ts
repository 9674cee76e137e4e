/** The letters: what each one says, that nothing from outside can alter its form, and that it is always the same bytes. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OrderFacts } from '../src/letters/letter.ts';
import { orderCancelled } from '../src/letters/order-cancelled.ts';
import { orderCreated } from '../src/letters/order-created.ts';
import { orderShipped } from '../src/letters/order-shipped.ts';
import { messageTypes } from '../src/messages.ts';

const orderId = '0190a1b2-7c3d-7e4f-8a5b-1234567890ab';

const facts: OrderFacts = {
  orderId,
  currency: 'EUR',
  total: 124_890n,
  createdAt: new Date('2026-11-09T03:47:23.456Z'),
  customerName: 'Jane Doe',
  items: [
    { sku: 'MUG-1', name: 'Blue stoneware mug', quantity: 2, unitPrice: 1_250n },
    { sku: 'TEA-250', name: 'First flush Darjeeling', quantity: 1, unitPrice: 2_390n },
    { sku: 'KETTLE', name: 'Cast-iron kettle', quantity: 1, unitPrice: 120_000n },
  ],
};

describe('the subject', () => {
  it.each([
    [orderCreated, `Order Confirmation #${orderId}`],
    [orderShipped, `Your order #${orderId} is on its way`],
    [orderCancelled, `Your order #${orderId} was cancelled`],
  ])('of $type is exactly the agreed one', (type, subject) => {
    expect(type.render(facts).subject).toBe(subject);
  });

  it('is one line even if an order id were not a UUID', () => {
    const letter = orderCreated.render({ ...facts, orderId: '1\r\nBcc: everyone@example.com' });
    expect(letter.subject).toBe('Order Confirmation #1 Bcc: everyone@example.com');
  });
});

describe.each(messageTypes.map((type) => [type.type, type] as const))('the letter of %s', (_, type) => {
  const letter = type.render(facts);

  it('tells every fact of the order in both forms', () => {
    const told = ['Jane Doe', orderId, '9 Nov 2026, 03:47 UTC', '€12.50', '€25.00', '€23.90', '€1,248.90'];
    const items = facts.items.flatMap(({ name, sku }) => [name, sku]);
    for (const fact of [...told, ...items, 'Order total']) {
      expect(visibleText(letter.html)).toContain(fact);
      expect(letter.text).toContain(fact);
    }
    expect(visibleText(letter.html)).toContain('2 × €12.50');
  });

  it('says the same sentences in both forms', () => {
    const sentences = letter.text.split('\n').filter((line) => /^[A-Z].*[.!,]$/.test(line));
    expect(sentences.length).toBeGreaterThanOrEqual(4);
    for (const sentence of sentences) expect(visibleText(letter.html)).toContain(sentence);
  });

  it('shows its total and date beside the subject in an inbox', () => {
    const preview = letter.html.match(/<div style="display:none[^>]*>(.*?)<\/div>/)?.[1];
    expect(preview).toBe('Order total €1,248.90, placed on 9 Nov 2026, 03:47 UTC.');
  });

  it('fetches nothing, links nowhere and runs nothing', () => {
    expect(letter.html).not.toMatch(
      /<(a|img|script|link|iframe|form|svg|object|base)\b|https?:|url\(|@import| src=| on\w+=/i,
    );
  });

  it('closes every tag that it opens', () => {
    expect(openTagsAtEnd(letter.html)).toEqual([]);
  });

  it('is the same bytes in another time zone and locale', async () => {
    const elsewhere = await renderElsewhere(type.type);
    expect(elsewhere).toEqual(type.render(facts));
  });
});

describe('the plain text', () => {
  it('keeps its columns aligned whatever the names are', () => {
    const names = ['日本茶 🍵', 'W'.repeat(300), 'كتاب الطبخ', '👩‍👩‍👧‍👦'];
    const items = names.map((name, i) => ({ sku: name, name, quantity: 10 ** i, unitPrice: 5n }));
    const lines = orderCreated.render({ ...facts, items, total: 10n ** 15n }).text.split('\n');
    const heading = lines.findIndex((line) => line.startsWith(' Qty'));
    const amountEnds = lines[heading]?.indexOf('  Item');
    const ends = [1, 2, 3, 4].map((i) => lines[heading + i]?.match(/^ *\d+ +\S+ +\S+/)?.[0].length);
    expect(ends).toEqual([amountEnds, amountEnds, amountEnds, amountEnds]);
    expect(lines[heading + 5]).toHaveLength(amountEnds ?? 0);
    expect(lines[heading + 6]).toMatch(/^Order total +€10,000,000,000,000\.00$/);
    expect(lines[heading + 6]).toHaveLength(amountEnds ?? 0);
  });

  it('gives a name no line of its own', () => {
    const lines = orderCreated.render(facts).text.split('\n').length;
    const forged = 'Jane,\r\n\r\nOrder total  €0.00\u2028\u0085\u000b-';
    const letter = orderCreated.render({ ...facts, customerName: forged });
    expect(letter.text.split(/[\p{Cc}\p{Zl}\p{Zp}]/u)).toHaveLength(lines);
    expect(letter.text).toContain('Hello Jane, Order total €0.00 -,');
  });

  it('fences in right-to-left names and leaves others bare', () => {
    expect(orderCreated.render({ ...facts, customerName: 'محمد' }).text).toContain('Hello \u2068محمد\u2069,');
    expect(orderCreated.render({ ...facts, customerName: 'שרה' }).text).toContain('Hello \u2068שרה\u2069,');
    // A mark alone would turn the line that it begins.
    expect(orderCreated.render({ ...facts, customerName: '\u200f12' }).text).toContain(
      '\u2068\u200f12\u2069',
    );
    expect(orderCreated.render(facts).text).not.toMatch(/[\u2066-\u2069]/);
  });

  it('has no trailing blanks and ends with one line break', () => {
    expect(orderCreated.render(facts).text).not.toMatch(/[^\S\n]$/m);
    expect(orderCreated.render(facts).text).toMatch(/[^\n]\n$/);
  });
});

describe('a name from outside', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom(
      '</script><b>',
      '<img src=x onerror=alert(1)>',
      '"\'&amp;&#39;<!--',
      ']]></style><title>',
      '👩‍👩‍👧‍👦',
      'שלום <i>',
      '\u202eevil\u202c',
      '$& $1',
      '\u0000\r\n',
    ),
  );
  const hostileFacts = fc.record({ customerName: hostile, name: hostile, sku: hostile }).map(withNames);

  it('adds, alters and removes no tag, in any place', () => {
    for (const type of messageTypes) {
      const tags = tagsOf(type.render(facts).html);
      fc.assert(
        fc.property(hostileFacts, (strange) => {
          expect(tagsOf(type.render(strange).html)).toEqual(tags);
        }),
        { numRuns: 300 },
      );
    }
  });

  it('reads in the HTML as it was given, made one line', () => {
    fc.assert(
      fc.property(hostileFacts, (strange) => {
        const { name, sku } = strange.items[0] ?? { name: '', sku: '' };
        expect(namesIn(orderCreated.render(strange).html).slice(0, 3)).toEqual(
          [strange.customerName, name, sku].map(madeOneLine),
        );
      }),
      { numRuns: 1000 },
    );
  });

  it('reads in the text as it was given, made one line', () => {
    fc.assert(
      fc.property(hostileFacts, (strange) => {
        const text = orderCreated.render(strange).text.replace(/[\u2068\u2069]/g, '');
        const { name, sku } = strange.items[0] ?? { name: '', sku: '' };
        expect(text).toContain(`Hello ${madeOneLine(strange.customerName)},`);
        expect(text).toContain(`  ${madeOneLine(name)} (${madeOneLine(sku)})`);
      }),
    );
  });

  it('keeps its joined emoji whole', () => {
    const letter = orderCreated.render({ ...facts, customerName: '👩‍👩‍👧‍👦' });
    expect(letter.html).toContain('>👩‍👩‍👧‍👦<');
    expect(letter.text).toContain('Hello 👩‍👩‍👧‍👦,');
  });

  it('cannot turn round what stands beside it', () => {
    const letter = orderCreated.render({ ...facts, customerName: '\u202eeman\u2067' });
    for (const form of [letter.html, letter.text]) expect(form).not.toMatch(/[\u202a-\u202e\u2066\u2067]/);
    expect(letter.html).toContain('<bdi dir="auto">eman</bdi>');
  });

  function withNames({ customerName, name, sku }: { customerName: string; name: string; sku: string }) {
    return { ...facts, customerName, items: facts.items.map((item) => ({ ...item, name, sku })) };
  }
});

describe('the amounts', () => {
  it('of all items and the total are shown exactly, in the order’s currency', () => {
    const item = fc.record({
      quantity: fc.integer({ min: 1, max: 999_999 }),
      unitPrice: fc.bigInt(0n, 10n ** 15n),
    });
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 5 }), (rows) => {
        const items = rows.map((row) => ({ ...row, sku: 'S', name: 'N' }));
        const amounts = rows.map((row) => BigInt(row.quantity) * row.unitPrice);
        const total = amounts.reduce((sum, amount) => sum + amount, 0n);
        const { text } = orderShipped.render({ ...facts, currency: 'KWD', items, total });
        expect(fils(text.matchAll(/KWD (\S+) {2}N \(S\)$/gm))).toEqual(amounts);
        expect(fils(text.matchAll(/^Order total +KWD (\S+)$/gm))).toEqual([total]);
      }),
    );
  });

  it('of a hundred items keep the HTML below the size at which Gmail cuts it off', () => {
    const name = 'A name of a usual length, 250 g';
    const items = Array.from({ length: 100 }, () => ({
      sku: 'SKU-12345',
      name,
      quantity: 1,
      unitPrice: 100n,
    }));
    expect(Buffer.byteLength(orderCreated.render({ ...facts, items }).html)).toBeLessThan(102_000);
  });

  it('in a currency that is not ours are refused', () => {
    expect(() => orderCreated.render({ ...facts, currency: 'XXX' })).toThrow(RangeError);
  });
});

function fils(matches: Iterable<RegExpExecArray>): bigint[] {
  return [...matches].map((match) => BigInt((match[1] ?? '').replace(/\D/g, '')));
}

/** All tags, comments and doctypes in order: the form of a document without its text. */
function tagsOf(html: string): string[] {
  return html.match(/<[^>]*>?/g) ?? [];
}

/** What a reader sees, as one line, with entities decoded: neither the head nor the line that only an inbox shows. */
function visibleText(html: string): string {
  const shown = html.replace(/^.*<body/s, '<body').replace(/<div style="display:none.*?<\/div>/s, '');
  return decoded(shown.replace(/<[^>]*>/g, '')).replace(/\s+/g, ' ');
}

function namesIn(html: string): string[] {
  return [...html.matchAll(/<bdi dir="auto">([^<]*)<\/bdi>/g)].map((match) => decoded(match[1] ?? ''));
}

/** Decodes the five entities in one pass, as a browser does, so that an `&amp;lt;` stays an `&lt;`. */
function decoded(html: string): string {
  const characters = new Map(Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }));
  return html.replace(/&([^;]*);/g, (entity, name: string) => characters.get(name) ?? entity);
}

/** The rule for names, said in other words than the code: no direction controls, and blanks and controls become one space. */
function madeOneLine(name: string): string {
  const kept = [...name].filter((c) => !/[\u202a-\u202e\u2066-\u2069]/.test(c));
  return kept
    .map((c) => (/\s|\p{Cc}/u.test(c) ? ' ' : c))
    .join('')
    .split(' ')
    .filter((word) => word !== '')
    .join(' ');
}

function openTagsAtEnd(html: string): string[] {
  const open: string[] = [];
  for (const [, slash, tag = ''] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)/g)) {
    if (['meta', 'br'].includes(tag)) continue;
    if (slash === '') open.push(tag);
    else expect(open.pop()).toBe(tag);
  }
  return open;
}

/** Renders in a process that lives in Kiritimati and speaks Arabic. */
async function renderElsewhere(type: string): Promise<unknown> {
  const script = `
    import { findMessageType } from ${JSON.stringify(new URL('../src/messages.ts', import.meta.url).href)};
    const facts = JSON.parse(process.argv[1], (key, value) =>
      key === 'createdAt' ? new Date(value) : key === 'total' || key === 'unitPrice' ? BigInt(value) : value);
    console.log(JSON.stringify(findMessageType(${JSON.stringify(type)}).render(facts)));`;
  const given = JSON.stringify(facts, (_, value) => (typeof value === 'bigint' ? String(value) : value));
  const env = { ...process.env, TZ: 'Pacific/Kiritimati', LANG: 'ar_EG.UTF-8', LC_ALL: 'ar_EG.UTF-8' };
  const flags = ['--import', 'tsx', '--input-type=module', '--eval', script, given];
  const { stdout } = await promisify(execFile)(process.execPath, flags, { env });
  return JSON.parse(stdout);
}
