/** What a run has found, as tables and charts for people, and as JSON. Pure. */
import { median } from './stats.ts';

export interface Plan {
  /** Counted ones; one more warms up. */
  readonly rounds: number;
  /** Of one measurement. */
  readonly seconds: number;
  /** Whether it only shows that everything runs. */
  readonly short: boolean;
  onRound(what: string): (round: number, name: string, figures: Readonly<Record<string, number>>) => void;
  /** A series as a table shows it. */
  show(series: readonly number[] | undefined): string;
}

/** One figure that is promised: at least so much, or at most. */
export interface Ratio {
  readonly what: string;
  readonly value: number;
  readonly least?: number;
  readonly most?: number;
}

export interface Comparison {
  readonly name: string;
  readonly title: string;
  readonly text: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  readonly chart: {
    readonly unit: string;
    readonly bars: readonly { readonly name: string; readonly values: readonly number[] }[];
  };
  readonly ratios: readonly Ratio[];
}

/** What was found, and by what. */
export interface Measured extends Comparison {
  /** When, on which machine and in how many rounds. */
  readonly machine: string;
}

export const isKept = ({ value, least = -Infinity, most = Infinity }: Ratio): boolean =>
  value >= least && value <= most;

/** Three digits, with commas. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toLocaleString('en', { maximumFractionDigits: Math.min(2, digits) });
}

/** The median, and between what the rounds lay. */
export function shown(series: readonly number[] | undefined): string {
  if (!series?.length) return '–';
  return `${number(median(series))} (${number(Math.min(...series))}–${number(Math.max(...series))})`;
}

export function markdown(comparisons: readonly Measured[], command: string): string {
  const ratios = comparisons.flatMap((one) => one.ratios.map((ratio) => ({ ...ratio, of: one.title })));
  return [
    '# Benchmarks',
    '',
    `Written by \`${command}\`; with \`--only\` what it names is written anew, and the rest stays. What is compared is measured on one machine in one run, in turns, with a ` +
      'round before that counts for nothing. Tables show medians, and in brackets between what the rounds lay. Ratios are medians of the rounds’ ratios: they carry over to ' +
      'other machines better than the figures do.',
    '',
    '## What is asked of it',
    '',
    ...table(
      ['', 'measured', 'asked', ''],
      ratios.map((ratio) => [
        `${ratio.of}: ${ratio.what}`,
        number(ratio.value),
        ratio.least === undefined ? `at most ${ratio.most}` : `at least ${ratio.least}`,
        isKept(ratio) ? 'kept' : '**missed**',
      ]),
    ),
    '',
    ...comparisons.flatMap((one) => [
      `## ${one.title}`,
      '',
      one.text,
      '',
      one.machine,
      '',
      `![${one.title}: ${one.chart.unit}](${chartFile(one)})`,
      '',
      ...table(one.columns, one.rows),
      '',
    ]),
  ].join('\n');
}

export const chartFile = ({ name }: Comparison): string => `images/bench-${name}.svg`;

const table = (columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] => [
  `| ${columns.join(' | ')} |`,
  `|${columns.map(() => '---|').join('')}`,
  ...rows.map((row) => `| ${row.join(' | ')} |`),
];

const [WIDTH, NAME, BAR, GAP] = [800, 350, 22, 12];

/** Bars with their names and medians, and a line from the smallest to the largest round; readable on light and dark. */
export function chart({ chart: { unit, bars } }: Comparison): string {
  const most = Math.max(...bars.flatMap(({ values }) => values), 0) || 1;
  const room = WIDTH - NAME - 90;
  const x = (value: number) => (NAME + (room * value) / most).toFixed(1);
  const lines = bars.map(({ name, values }, i) => {
    const y = 34 + i * (BAR + GAP);
    const middle = median(values);
    return [
      `<text x="${NAME - 10}" y="${y + 16}" text-anchor="end">${escaped(name.replaceAll('`', ''))}</text>`,
      `<rect x="${NAME}" y="${y}" width="${((room * middle) / most).toFixed(1)}" height="${BAR}" rx="3" fill="${i === 0 ? '#2f6fdb' : '#9aa4b2'}"/>`,
      `<line x1="${x(Math.min(...values))}" x2="${x(Math.max(...values))}" y1="${y + BAR / 2}" y2="${y + BAR / 2}" stroke="#e0a100" stroke-width="2"/>`,
      `<text x="${Number(x(Math.max(...values))) + 8}" y="${y + 16}">${number(middle)}</text>`,
    ].join('\n  ');
  });
  const height = 40 + bars.length * (BAR + GAP);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    '  <style>text{font:14px system-ui,sans-serif;fill:#24292f}rect.page{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#e6edf3}rect.page{fill:#0d1117}}</style>',
    `  <rect class="page" width="${WIDTH}" height="${height}"/>`,
    `  <text x="10" y="20">${escaped(unit)}</text>`,
    ...lines.map((line) => `  ${line}`),
    '</svg>',
    '',
  ].join('\n');
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
