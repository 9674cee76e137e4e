/** What a letter is before and after the mailbox has accepted it. */

export interface Tag {
  name: string;
  value: string;
}

/** A letter that satisfies the rules. `body` is its exact JSON text; in a batch, its own element of the array. */
export interface Draft {
  to: string[];
  from: string;
  subject: string;
  html?: string;
  text?: string;
  headers?: Record<string, string>;
  tags: Tag[];
  body: string;
}

export interface AcceptedLetter extends Draft {
  /** A UUID. */
  id: string;
  /** That of the request; all letters of a batch share it. */
  idempotencyKey: string | null;
  /** ISO 8601, UTC. */
  acceptedAt: string;
}
