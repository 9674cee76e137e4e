/** What a person can do to a dead letter, from wherever: each cure as data, made by one move of the ledger, and its refusals in words. */
import type { Database } from './database.ts';
import { type Lifted, unsuppress } from './deliveries.ts';
import {
  type ActResult,
  confirmNotSent,
  confirmSent,
  correctRecipient,
  discardMessage,
  retryMessage,
} from './outbox.ts';

export type Cure =
  | {
      readonly do: 'retry' /** The run that was seen dead; null for whichever it is. */;
      readonly run: number | null;
    }
  | { readonly do: 'correct'; readonly email: string; readonly note: string }
  | { readonly do: 'confirm'; readonly outcome: 'sent' | 'not_sent'; readonly note: string }
  | { readonly do: 'discard'; readonly note: string }
  | { readonly do: 'unsuppress'; readonly note: string };

export type Cured = ActResult | Lifted;

/** Makes it. Whatever is made how often, a message has one letter accepted at most. */
export function cure(db: Database, id: string, operator: string, what: Cure): Promise<Cured> {
  switch (what.do) {
    case 'retry':
      return retryMessage(db, { id, run: what.run, operator });
    case 'correct':
      return correctRecipient(db, { id, email: what.email, operator, note: what.note });
    case 'confirm':
      return (what.outcome === 'sent' ? confirmSent : confirmNotSent)(db, { id, operator, note: what.note });
    case 'discard':
      return discardMessage(db, { id, operator, note: what.note });
    case 'unsuppress':
      return unsuppress(db, { id, operator, note: what.note });
  }
}

/** Whether it puts messages back: the relay is to hear of that. */
export const putsBack = (what: Cure): boolean =>
  what.do === 'retry' || what.do === 'correct' || (what.do === 'confirm' && what.outcome === 'not_sent');

/** Why nothing was done, as a status of HTTP and in words. */
export const REFUSALS: Readonly<Record<Exclude<Cured, 'done'>, readonly [status: number, words: string]>> = {
  unknown_message: [404, 'There is no such message.'],
  finished: [409, 'This message is finished: it was sent or discarded.'],
  overtaken: [409, 'This message was put back before.'],
  not_dead: [409, 'This message is not dead: it is on its way.'],
  outcome_unknown: [
    409,
    'This letter may have been accepted already: confirm what happened before it is sent again.',
  ],
  outcome_known: [409, 'Nothing is in doubt: retry this letter, or discard it.'],
  perhaps_accepted: [
    409,
    'A letter of this message may have been accepted at its present address: one to another address would be a second. Retry it instead.',
  ],
  not_suppressed: [409, 'The address of this message is not suppressed.'],
};
