/** Sums and displays of money: exact at every size, with the digits that ISO 4217 gives each currency. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CURRENCY_EXPONENTS,
  currencies,
  formatMoney,
  isCurrency,
  MAX_AMOUNT,
  orderTotal,
} from '../src/money.ts';

const currency = fc.constantFrom(...currencies);
const amount = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n });

describe('currencies', () => {
  it('are three capitals with 0, 2 or 3 digits, each listed once, in alphabetical order', () => {
    expect(currencies).toEqual([...new Set(currencies)].sort());
    for (const code of currencies) {
      expect(code).toMatch(/^[A-Z]{3}$/);
      expect([0, 2, 3]).toContain(CURRENCY_EXPONENTS[code]);
    }
  });

  it.each([
    [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF'],
    [3, 'BHD IQD JOD KWD LYD OMR TND'],
  ])('with %i digits are exactly %s', (digits, codes) => {
    expect(currencies.filter((code) => CURRENCY_EXPONENTS[code] === digits)).toEqual(codes.split(' '));
  });

  it.each(['SLE', 'VED', 'XCG', 'ZWG'])('include the recent %s', (code) => {
    expect(isCurrency(code)).toBe(true);
  });

  const withdrawn = ['ANG', 'BGN', 'CUC', 'HRK', 'SLL', 'ZWL'];
  const funds = ['BOV', 'CHE', 'CHW', 'CLF', 'COU', 'MXV', 'USN', 'UYI', 'UYW', 'XAD', 'XDR', 'XSU', 'XUA'];
  it.each([...withdrawn, ...funds, 'XAU', 'XTS', 'XXX'])('leave out %s, which does not circulate', (code) => {
    expect(isCurrency(code)).toBe(false);
  });

  it.each(['eur', 'EURO', ' EUR', '', '__proto__', 'constructor', 'toString'])('are not %j', (code) => {
    expect(isCurrency(code)).toBe(false);
  });

  it('are all known to the running Node, but for the second bolívar', () => {
    const known = new Set(Intl.supportedValuesOf('currency'));
    expect(currencies.filter((code) => !known.has(code) && code !== 'VED')).toEqual([]);
  });
});

describe('an order total', () => {
  it('is the sum of quantity times unit price, exact beyond 2^53', () => {
    const items = [
      { quantity: 3, unitPrice: 9_007_199_254_740_991 },
      { quantity: 1, unitPrice: 1 },
    ];
    expect(orderTotal(items)).toBe(27_021_597_764_222_974n);
  });

  it('of no items is zero', () => {
    expect(orderTotal([])).toBe(0n);
  });

  it('does not depend on the order of the items or on how they are split', () => {
    const item = fc.record({ quantity: fc.nat(), unitPrice: fc.maxSafeNat() });
    fc.assert(
      fc.property(fc.array(item), fc.array(item), (some, others) => {
        const whole = orderTotal([...some, ...others]);
        expect(whole).toBe(orderTotal(others) + orderTotal(some));
        expect(whole).toBe(orderTotal([...some, ...others].reverse()));
      }),
    );
  });

  it('of anything but whole numbers is refused', () => {
    expect(() => orderTotal([{ quantity: 1.5, unitPrice: 100 }])).toThrow(RangeError);
    expect(() => orderTotal([{ quantity: 1, unitPrice: Number.NaN }])).toThrow(RangeError);
  });
});

describe('the largest amount', () => {
  it('is the largest integer that JSON carries exactly', () => {
    expect(MAX_AMOUNT).toBe(BigInt(Number.MAX_SAFE_INTEGER));
    expect(BigInt(JSON.parse(JSON.stringify(Number(MAX_AMOUNT))))).toBe(MAX_AMOUNT);
  });
});

describe('a displayed amount', () => {
  it.each([
    [123_450n, 'EUR', '€1,234.50'],
    [1_200n, 'JPY', '¥1,200'],
    [1_250n, 'KWD', 'KWD 1.250'],
    [5n, 'USD', '$0.05'],
    [0n, 'GBP', '£0.00'],
    [1n, 'IQD', 'IQD 0.001'],
    [100n, 'HUF', 'HUF 1.00'],
    [-1n, 'EUR', '-€0.01'],
    [9_007_199_254_740_993n, 'EUR', '€90,071,992,547,409.93'],
  ])('of %i in %s is %s', (minor, code, shown) => {
    expect(formatMoney(minor, code)).toBe(shown);
  });

  it('reads back as the same number of minor units, at any size and in every currency', () => {
    fc.assert(
      fc.property(amount, currency, (minor, code) => {
        expect(readBack(formatMoney(minor, code))).toBe(minor);
      }),
      { numRuns: 1000 },
    );
  });

  it('always has its currency’s digits and groups of three', () => {
    fc.assert(
      fc.property(amount, currency, (minor, code) => {
        const digits = CURRENCY_EXPONENTS[code];
        const number = digits === 0 ? '' : `\\.\\d{${digits}}`;
        expect(formatMoney(minor, code)).toMatch(new RegExp(`^-?\\D*\\d{1,3}(,\\d{3})*${number}$`));
      }),
    );
  });

  it('of a currency that is not ours is refused', () => {
    expect(() => formatMoney(1n, 'XXX')).toThrow(RangeError);
    expect(() => formatMoney(1n, 'constructor')).toThrow(RangeError);
  });
});

/** The digits of `shown` alone, which are its minor units; symbols such as `Cg.` may hold dots. */
function readBack(shown: string): bigint {
  const digits = BigInt(shown.replace(/\D/g, ''));
  return shown.startsWith('-') ? -digits : digits;
}
