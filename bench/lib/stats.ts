/** Several contenders measured in turns, and what is said of their figures. Pure but for the calls that it is given. */

export type Figures = Readonly<Record<string, number>>;
/** Of one contender: of each figure one value per round. */
export type Series = Readonly<Record<string, readonly number[]>>;

/**
 * Measures A B A B …, so that what changes on the machine meanwhile meets all of them alike; a first round warms up and counts for nothing.
 * @param onRound told of each round's figures.
 * @param first 1 leaves the warm-up out, where figures say nothing anyway.
 */
export async function inTurns(
  contenders: Readonly<Record<string, () => Promise<Figures>>>,
  rounds: number,
  onRound: (round: number, name: string, figures: Figures) => void,
  first: 0 | 1 = 0,
): Promise<Record<string, Series>> {
  const counted: { readonly name: string; readonly figures: Figures }[] = [];
  for (let round: number = first; round <= rounds; round += 1) {
    for (const [name, measure] of Object.entries(contenders)) {
      const figures = await measure();
      onRound(round, name, figures);
      if (round > 0) counted.push({ name, figures });
    }
  }
  const seriesOf = (name: string) => {
    const own = counted.filter((one) => one.name === name).map(({ figures }) => figures);
    const figures = Object.keys(own[0] ?? {});
    return Object.fromEntries(figures.map((figure) => [figure, own.map((one) => one[figure] ?? Number.NaN)]));
  };
  return Object.fromEntries(Object.keys(contenders).map((name) => [name, seriesOf(name)]));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The median of the ratios round by round: what slows a round down slows both of its sides down. */
export function ratioOf(above: readonly number[], below: readonly number[]): number {
  return median(above.map((value, i) => value / (below[i] ?? Number.NaN)));
}

/** The value below which that part of them lies. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}
