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
  /** Begins to serve them, and promises each its own end, in their order. Others are served meanwhile. */
  serve(items: readonly Item[]): readonly Promise<End>[];
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
    for (const [i, end] of serve(items).entries()) end.then(places[i]?.resolve, places[i]?.reject);
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
