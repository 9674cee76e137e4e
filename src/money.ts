/**
 * Money: the currencies that an order may have, sums and their display. Amounts are whole minor units (cents, fils, yen); no
 * float ever touches them.
 */

/** The largest amount of an order, in minor units: 2^53 − 1, so that every amount is an exact JSON number for clients. */
export const MAX_AMOUNT = 9_007_199_254_740_991n;

/** A circulating ISO 4217 currency code. */
export type Currency = keyof typeof EXPONENTS;

/** Whether `code` is a circulating ISO 4217 currency, in capitals. */
export function isCurrency(code: string): code is Currency {
  return Object.hasOwn(EXPONENTS, code);
}

/**
 * Sums quantity × unit price, in minor units.
 *
 * @throws RangeError when a quantity or a price is not a whole number.
 */
export function orderTotal(items: readonly { quantity: number; unitPrice: number }[]): bigint {
  return items.reduce((total, item) => total + BigInt(item.quantity) * BigInt(item.unitPrice), 0n);
}

/**
 * Prints an amount of minor units for an English reader, exact at any size: `€1,234.50`, `¥1,200`, `KWD 1.250`. The symbols are
 * those of the running Node's own data.
 *
 * @throws RangeError when the currency is not one of ours.
 */
export function formatMoney(minor: bigint, currency: string): string {
  if (!isCurrency(currency)) throw new RangeError(`not a circulating ISO 4217 currency: ${currency}`);
  // The compiler knows only literal numerals; a bigint with an exponent of ten is one, and is never parsed as a float.
  const major = `${minor}E-${EXPONENTS[currency]}` as Intl.StringNumericLiteral;
  return formatterFor(currency).format(major).replaceAll(NO_BREAK_SPACE, ' ');
}

const NO_BREAK_SPACE = '\u00a0';

const formatters = new Map<Currency, Intl.NumberFormat>();

/** Kept, one per currency: making a formatter takes 10 µs, using it 0.6, and a letter shows two amounts for each item. */
function formatterFor(currency: Currency): Intl.NumberFormat {
  const formatter = formatters.get(currency) ?? newFormatter(currency);
  formatters.set(currency, formatter);
  return formatter;
}

/** With the digits of ISO: those of Node follow custom, which shows no fils of an Iraqi dinar. */
function newFormatter(currency: Currency): Intl.NumberFormat {
  const digits = EXPONENTS[currency];
  return new Intl.NumberFormat('en', {
    style: 'currency',
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/**
 * The circulating currencies of ISO 4217 list one up to amendment 180 (the lev left for the euro at the start of 2026), with the
 * digits of their minor unit. Left out: funds codes, units of account, precious metals and the codes for tests and for no currency.
 */
// biome-ignore format: a row for each initial
const EXPONENTS = {
  AED: 2, AFN: 2, ALL: 2, AMD: 2, AOA: 2, ARS: 2, AUD: 2, AWG: 2, AZN: 2,
  BAM: 2, BBD: 2, BDT: 2, BHD: 3, BIF: 0, BMD: 2, BND: 2, BOB: 2, BRL: 2, BSD: 2, BTN: 2, BWP: 2, BYN: 2, BZD: 2,
  CAD: 2, CDF: 2, CHF: 2, CLP: 0, CNY: 2, COP: 2, CRC: 2, CUP: 2, CVE: 2, CZK: 2,
  DJF: 0, DKK: 2, DOP: 2, DZD: 2,
  EGP: 2, ERN: 2, ETB: 2, EUR: 2,
  FJD: 2, FKP: 2,
  GBP: 2, GEL: 2, GHS: 2, GIP: 2, GMD: 2, GNF: 0, GTQ: 2, GYD: 2,
  HKD: 2, HNL: 2, HTG: 2, HUF: 2,
  IDR: 2, ILS: 2, INR: 2, IQD: 3, IRR: 2, ISK: 0,
  JMD: 2, JOD: 3, JPY: 0,
  KES: 2, KGS: 2, KHR: 2, KMF: 0, KPW: 2, KRW: 0, KWD: 3, KYD: 2, KZT: 2,
  LAK: 2, LBP: 2, LKR: 2, LRD: 2, LSL: 2, LYD: 3,
  MAD: 2, MDL: 2, MGA: 2, MKD: 2, MMK: 2, MNT: 2, MOP: 2, MRU: 2, MUR: 2, MVR: 2, MWK: 2, MXN: 2, MYR: 2, MZN: 2,
  NAD: 2, NGN: 2, NIO: 2, NOK: 2, NPR: 2, NZD: 2,
  OMR: 3,
  PAB: 2, PEN: 2, PGK: 2, PHP: 2, PKR: 2, PLN: 2, PYG: 0,
  QAR: 2,
  RON: 2, RSD: 2, RUB: 2, RWF: 0,
  SAR: 2, SBD: 2, SCR: 2, SDG: 2, SEK: 2, SGD: 2, SHP: 2, SLE: 2, SOS: 2, SRD: 2, SSP: 2, STN: 2, SVC: 2, SYP: 2, SZL: 2,
  THB: 2, TJS: 2, TMT: 2, TND: 3, TOP: 2, TRY: 2, TTD: 2, TWD: 2, TZS: 2,
  UAH: 2, UGX: 0, USD: 2, UYU: 2, UZS: 2,
  VED: 2, VES: 2, VND: 0, VUV: 0,
  WST: 2,
  XAF: 0, XCD: 2, XCG: 2, XOF: 0, XPF: 0,
  YER: 2,
  ZAR: 2, ZMW: 2, ZWG: 2,
} as const;

/** Each currency's number of minor-unit digits: JPY 0, EUR 2, KWD 3. */
export const CURRENCY_EXPONENTS: Readonly<Record<string, number>> = EXPONENTS;

/** All codes, in alphabetical order. */
export const currencies: readonly string[] = Object.keys(EXPONENTS);
