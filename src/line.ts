/** A line of those that wait for their turn: whoever stands first is served at the next one, with those who may come along. */

export interface Line<Item, End> {
  /** Waits for its turn, and for what comes of it. */
  join(item: Item): Promise<End>;
}

export interface LineParts<Item, End> {
  /** Waits for a turn, or for several, of which there may be no more than wait. Answers how many. */
  turns(waiting: number): Promise<number>;
  /** How many of those that wait go together now, from `waiting` in their order; the first is always among them. */
  choose(waiting: readonly Item[]): readonly Item[];
  /** Serves them, and answers each in their order. Others are served meanwhile. */
  serve(items: readonly Item[]): Promise<readonly End[]>;
}

export function openLine<Item, End>({ turns, choose, serve }: LineParts<Item, End>): Line<Item, End> {
  type Place = { resolve: (end: End) => void; reject: (error: unknown) => void };
  const waiting = new Map<Item, Place>();
  let moving = false;

  async function move(): Promise<void> {
    moving = true;
    while (waiting.size > 0) {
      // Those of one moment begin together, and so may share what they ask of the ledger.
      for (let left = await turns(waiting.size); left > 0 && waiting.size > 0; left -= 1) serveNext();
    }
    moving = false;
  }

  function serveNext(): void {
    const items = choose([...waiting.keys()]);
    const places = items.flatMap((item) => waiting.get(item) ?? []);
    for (const item of items) waiting.delete(item);
    void answer(places, serve(items));
  }

  async function answer(places: readonly Place[], serving: Promise<readonly End[]>): Promise<void> {
    try {
      const ends = await serving;
      for (const [i, { resolve }] of places.entries()) resolve(ends[i] as End); // each is answered
    } catch (error) {
      for (const { reject } of places) reject(error);
    }
  }

  return {
    join: (item) =>
      new Promise((resolve, reject) => {
        waiting.set(item, { resolve, reject });
        // After all others that come within this turn of the event loop: they may go together.
        if (!moving) setImmediate(() => void (moving || move()));
      }),
  };
}
