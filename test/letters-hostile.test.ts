/** Letters with hostile names in them, read by a real HTML parser: the text is the name, and nothing else has changed. */
import fc from 'fast-check';
import { type DefaultTreeAdapterTypes, parse } from 'parse5';
import { describe, expect, it } from 'vitest';
import type { OrderFacts } from '../src/letters/letter.ts';
import { messageTypes } from '../src/messages.ts';

type Node = DefaultTreeAdapterTypes.ChildNode;

const factsWith = (customerName: string, name: string, sku: string): OrderFacts => ({
  ...{ orderId: '0190a1b2-7c3d-7e4f-8a5b-1234567890ab', currency: 'EUR', total: 900n },
  ...{ createdAt: new Date('2026-11-09T03:47:23.456Z'), customerName },
  items: [{ sku, name, quantity: 2, unitPrice: 450n }],
});

/** As letters write what comes from outside: in one line, and in no other direction than its letters have. */
const shown = (value: string): string =>
  value
    .replace(/[\u202a-\u202e\u2066-\u2069]/g, '')
    .replace(/\s+/g, ' ')
    .trim();

function walk(nodes: readonly Node[], see: (node: Node) => void): void {
  for (const node of nodes) {
    see(node);
    if ('childNodes' in node) walk(node.childNodes, see);
  }
}

/** Every element with its attributes, and every comment, in order: all of a page but its texts. */
function skeleton(html: string): string[] {
  const parts: string[] = [];
  walk(parse(html).childNodes, (node) => {
    if ('tagName' in node)
      parts.push(`${node.tagName} ${node.attrs.map(({ name, value }) => `${name}=${value}`).join(' ')}`);
    if (node.nodeName === '#comment') parts.push('comment');
  });
  return parts;
}

/** What stands in the places for values from outside, in order. */
function values(html: string): string[] {
  const found: string[] = [];
  walk(parse(html).childNodes, (node) => {
    if (!('tagName' in node) || node.tagName !== 'bdi') return;
    found.push(
      node.childNodes.map((child) => ('value' in child ? child.value : `<${child.nodeName}>`)).join(''),
    );
  });
  return found;
}

const NASTY = [
  '</script><script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '"><a href="https://evil.example">free tea</a>',
  "' onmouseover='alert(1)",
  '</bdi></td></tr></table><h1>Your account is closed</h1>',
  '<!-- ',
  '--> <b>x',
  '<![CDATA[x]]>',
  '&lt;b&gt;&amp;&#39;&nbsp;&copy',
  '&#x3c;script&#x3e;',
  '<style>*{display:none}</style>',
  '</style><body onload=alert(1)>',
  '<svg/onload=alert(1)>',
  '<plaintext>',
  '<textarea>',
  '<title>',
  '<base href=//evil.example>',
  '<meta http-equiv=refresh content=0;url=//evil.example>',
  'https://evil.example/click www.evil.example evil@example.com',
  '{{constructor.constructor("alert(1)")()}} #{7*7} <%= x %> %s %00',
  '\u202eevil\u202c \u2066x\u2069 \u200f',
  'Ada 👩‍👩‍👧‍👦 עדה آدا 𝒜',
  '`#{x}` \\u003cscript\\u003e \\x3c',
  '=cmd|"/c calc"!A1',
  'Ada\u2028Bcc: everyone\u2029',
];

describe.each(messageTypes.map((type) => [type.type, type] as const))('the letter of %s', (_, type) => {
  const plain = skeleton(type.render(factsWith('x', 'y', 'z')).html);

  function expectKept(customerName: string, name: string, sku: string): void {
    const { html, text, subject } = type.render(factsWith(customerName, name, sku));
    expect(skeleton(html)).toEqual(plain);
    expect(values(html)).toEqual([customerName, name, sku].map(shown));
    // What would be a link, or run, is neither.
    expect(skeleton(html).filter((part) => /^(a|script|img|iframe|form|link|base|svg) /.test(part))).toEqual(
      [],
    );
    expect(subject).toBe(type.render(factsWith('x', 'y', 'z')).subject);
    for (const value of [customerName, name, sku]) expect(text.replace(/\s+/g, ' ')).toContain(shown(value));
  }

  it.each(NASTY)('takes %j for a name and nothing else', (name) => {
    expectKept(name, name, name);
  });

  it('takes any name for a name and nothing else', () => {
    const some = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .map((value) => value.normalize('NFC').replace(/[\p{Cc}\p{Cs}]/gu, ''))
      .filter((value) => value.trim() !== '');
    const markup = fc
      .array(
        fc.constantFrom('<', '>', '&', '"', "'", '/', '!', '-', '=', ';', '#', 'x', 'b', 'script', ' '),
        { minLength: 1, maxLength: 30 },
      )
      .map((parts) => `x${parts.join('')}x`);
    const name = fc.oneof(some, markup);
    fc.assert(fc.property(name, name, name, expectKept), { numRuns: 200 });
  });
});
