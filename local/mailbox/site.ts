/** Serves the page: what it shows may come from anybody, so every answer carries a policy that leaves it no power. */

import type { FastifyInstance, FastifyReply } from 'fastify';
import type { AcceptedLetter } from './letter.ts';
import { type Inbox, inboxPage, letterPage, missingPage, PAGE_SIZE, type View } from './page.ts';
import { ICON, STYLE } from './style.ts';

const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'none'";

/** Letters bring their styles inline; everything else they might load or run is refused, and so is our origin. */
const LETTER_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'self'; sandbox";

interface LetterRoute {
  Params: { id: string };
  Querystring: { view?: string };
}

/** Adds `/`, `/letters/:id`, `/letters/:id/html`, `/letters.json` and what they are drawn with. */
export function servePages(app: FastifyInstance, letters: () => readonly AcceptedLetter[]) {
  app.get<{ Querystring: { page?: string } }>('/', (request, reply) => {
    const all = letters();
    return sendPage(reply, inboxPage(inboxOf(all, pageNumber(request.query.page, all.length))));
  });

  app.get<LetterRoute>('/letters/:id', (request, reply) => {
    const all = letters();
    const index = all.findIndex(({ id }) => id === request.params.id);
    const letter = all[index];
    if (!letter) return sendPage(reply.status(404), missingPage(all.length));
    const page = Math.ceil((all.length - index) / PAGE_SIZE);
    return sendPage(reply, letterPage(inboxOf(all, page), letter, viewFor(letter, request.query.view)));
  });

  app.get<LetterRoute>('/letters/:id/html', (request, reply) => {
    const all = letters();
    const letter = all.find(({ id }) => id === request.params.id);
    if (letter?.html === undefined) return sendPage(reply.status(404), missingPage(all.length));
    return sendHtml(reply, letter.html, LETTER_POLICY);
  });

  app.get('/letters.json', (_request, reply) => guarded(reply, PAGE_POLICY).send(letters()));
  app.get('/mailbox.css', (_request, reply) => guarded(reply, PAGE_POLICY).type('text/css').send(STYLE));
  app.get('/icon.svg', (_request, reply) => guarded(reply, PAGE_POLICY).type('image/svg+xml').send(ICON));
}

function inboxOf(all: readonly AcceptedLetter[], page: number): Inbox {
  const end = all.length - (page - 1) * PAGE_SIZE;
  return { letters: all.slice(Math.max(0, end - PAGE_SIZE), end).reverse(), page, total: all.length };
}

function pageNumber(asked: string | undefined, total: number): number {
  const last = Math.max(1, Math.ceil(total / PAGE_SIZE));
  return Math.min(last, Math.max(1, Number.parseInt(asked ?? '1', 10) || 1));
}

function viewFor(letter: AcceptedLetter, asked: string | undefined): View {
  if (asked === 'raw') return asked;
  if (letter.html === undefined) return 'text';
  return asked === 'text' && letter.text !== undefined ? 'text' : 'html';
}

function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return sendHtml(reply, page, PAGE_POLICY);
}

function sendHtml(reply: FastifyReply, text: string, policy: string): FastifyReply {
  return guarded(reply, policy).type('text/html; charset=utf-8').send(text);
}

function guarded(reply: FastifyReply, policy: string): FastifyReply {
  return reply.headers({
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  });
}
