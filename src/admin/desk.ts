/**
 * The operator's desk: how things stand, dead letters and what is done about them, one order's story, and a search. Pages of the
 * server, without scripts: a form is sent, something is done, and the browser is led back to where it can be seen.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Cure, cure, putsBack, REFUSALS } from '../cures.ts';
import type { Database } from '../database.ts';
import { UUID } from '../fields.ts';
import { currentHold } from '../holds.ts';
import { findCustomer, findOrder, searchOrders } from '../orders.ts';
import { deadCounts, deadLetters, findMessage, frozenLetter, isLed, letterFacts } from '../outbox.ts';
import { cancelRedrive, findRedrives, startRedrive, tallyOf } from '../redrives.ts';
import { deadLettersPage } from './dead-letters.ts';
import * as forms from './forms.ts';
import { count } from './page.ts';
import { letterPage, overviewPage, searchPage } from './pages.ts';
import { redrivePage } from './redrives.ts';
import { storyPage } from './story.ts';

const PAGE_OF_LETTERS = 50;
const WATCH_SECONDS = 2;

export interface DeskParts {
  readonly db: Database;
  readonly onStaged: () => void;
}

type Asked = FastifyRequest<{ Params: { id: string } }>;

export async function deskRoutes(app: FastifyInstance, { db, onStaged }: DeskParts): Promise<void> {
  forms.readForms(app);
  app.setErrorHandler(forms.answerInWords);
  const hidden = { schema: { hide: true } };
  const form = { ...hidden, config: { form: true } };

  app.get('/', hidden, async (request, reply) => {
    const [counts, hold, relay, monitor, [redrive]] = await Promise.all([
      deadCounts(db),
      currentHold(db),
      isLed(db, 'relay'),
      isLed(db, 'monitor'),
      findRedrives(db, { limit: 1 }),
    ]);
    return send(reply, overviewPage({ counts, hold, relay, monitor, redrive, told: told(request) }));
  });

  // What is looked for may be an address: it is not to stand in the logs of whatever lies between.
  app.post('/search', { ...form, config: { form: true, reads: true } }, async (request, reply) => {
    const words = forms.fieldOf(request.body, 'q')?.trim().slice(0, 254) ?? '';
    const orders = await searchOrders(db, words);
    const [only] = orders;
    if (only && orders.length === 1) return reply.redirect(`/admin/orders/${only.id}`, 303);
    return send(reply, searchPage(words, orders));
  });

  app.get('/orders/:id', hidden, async (request: Asked, reply) => {
    const { id } = request.params;
    const order = UUID.test(id) ? await findOrder(db, id) : undefined;
    if (!order) return nothing(reply, 'There is no such order.');
    const [customer, letters] = await Promise.all([findCustomer(db, order.customerId), letterFacts(db, id)]);
    const acts = request.role === 'operator';
    return send(reply, storyPage({ order, customer, letters, acts, told: told(request) }));
  });

  app.get('/messages/:id/letter', hidden, async (request: Asked, reply) => {
    if (request.role !== 'operator') return forms.refuse(reply, 403, 'Letters are for operators.');
    const letter = UUID.test(request.params.id) ? await frozenLetter(db, request.params.id) : undefined;
    if (!letter) return nothing(reply, 'There is no such letter, or none any more.');
    return send(reply, letterPage(letter));
  });

  app.get('/dead-letters', hidden, async (request, reply) => {
    const { filter, after } = forms.filterOf(request.query);
    const [letters, counts, matching, redrives] = await Promise.all([
      deadLetters(db, { filter, limit: PAGE_OF_LETTERS + 1, ...(after ? { after } : {}) }),
      deadCounts(db),
      forms.isNarrow(filter) ? deadCounts(db, filter) : null, // else they are among the others
      findRedrives(db, { limit: 5 }),
    ]);
    const matched = matching ?? counts.filter(({ reason }) => (filter.reason ?? reason) === reason);
    const shown = { letters: letters.slice(0, PAGE_OF_LETTERS), more: letters.length > PAGE_OF_LETTERS };
    return send(
      reply,
      deadLettersPage({
        ...{ filter, counts, ...tallyOf(matched), ...shown, redrives },
        ...{ acts: request.role === 'operator', told: told(request) },
      }),
    );
  });

  // ── What operators do ──

  app.post('/messages/:id/:act', form, async (request, reply) => {
    const { id, act } = request.params as { id: string; act: string };
    const what = forms.cureOf(act, request.body);
    const message = UUID.test(id) ? await findMessage(db, id) : undefined;
    if (!what || !message) return nothing(reply, 'There is no such message.');
    const result = await cure(db, id, request.operator, what);
    if (result === 'done' && putsBack(what)) onStaged();
    const words = result === 'done' ? { done: what.do } : { refused: result };
    return reply.redirect(`/admin/orders/${message.orderId}?${new URLSearchParams(words)}#${id}`, 303);
  });

  app.post('/dead-letters/retry', form, async (request, reply) => {
    const ids = forms.idsOf(request.body);
    let done = 0;
    for (const id of ids) {
      const what: Cure = { do: 'retry', run: null };
      if ((await cure(db, id, request.operator, what)) === 'done') done += 1;
    }
    if (done > 0) onStaged();
    return reply.redirect(`/admin/dead-letters?retried=${done}&of=${ids.length}`, 303);
  });

  app.post('/redrives', form, async (request, reply) => {
    const wish = forms.redriveOf(request.body);
    const started = await startRedrive(db, { ...wish, operator: request.operator });
    if (started.outcome === 'nothing_matches')
      return reply.redirect('/admin/dead-letters?refused=nothing_matches', 303);
    return reply.redirect(
      `/admin/redrives/${started.id}${started.outcome === 'under_way' ? '?refused=under_way' : ''}`,
      303,
    );
  });

  app.get('/redrives/:id', hidden, async (request: Asked, reply) => {
    const { id } = request.params;
    const [redrive] = UUID.test(id) ? await findRedrives(db, { id, limit: 1 }) : [];
    if (!redrive) return nothing(reply, 'There is no such redrive.');
    // Only for who asks for it: a page that changes by itself is in the way of those who read slowly, or by ear.
    const watched = !redrive.ended && 'watch' in (request.query as object);
    if (watched) reply.header('refresh', WATCH_SECONDS);
    return send(reply, redrivePage(redrive, request.role === 'operator', watched, told(request)));
  });

  app.post('/redrives/:id/cancel', form, async (request: Asked, reply) => {
    const { id } = request.params;
    if (UUID.test(id)) await cancelRedrive(db, id);
    return reply.redirect(`/admin/redrives/${id}`, 303);
  });
}

const send = (reply: FastifyReply, text: string) => reply.type('text/html; charset=utf-8').send(text);

const nothing = (reply: FastifyReply, words: string) => forms.refuse(reply, 404, words);

const DONE: Readonly<Record<string, string>> = {
  retry: 'Put back: the letter is on its way again.',
  correct: 'Put back: a new letter goes to the corrected address.',
  confirm: 'Written down.',
  discard: 'Given up.',
  unsuppress: 'The address gets letters again. Retry what is dead.',
};

/** What the page before has done, as its address tells: words of ours only. */
function told(request: FastifyRequest) {
  const { done, refused, retried, of } = request.query as Record<string, string | undefined>;
  if (done && Object.hasOwn(DONE, done)) return { kind: 'done', words: DONE[done] ?? '' } as const;
  if (retried && /^\d{1,3}$/.test(retried) && of && /^\d{1,3}$/.test(of))
    return { kind: 'done', words: `Put back: ${retried} of ${count(Number(of), 'letter')}.` } as const;
  if (refused === 'nothing_matches')
    return { kind: 'refused', words: 'Nothing matches that a retry would put back.' } as const;
  if (refused === 'under_way')
    return { kind: 'refused', words: 'This redrive is under way already: one at a time.' } as const;
  if (refused && Object.hasOwn(REFUSALS, refused))
    return { kind: 'refused', words: REFUSALS[refused as keyof typeof REFUSALS][1] } as const;
  return null;
}
