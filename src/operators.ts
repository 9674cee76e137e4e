/** Who may open the dashboard: an operator, who also acts, and a viewer, who looks. HTTP Basic, no cookies. */
import basicAuth from '@fastify/basic-auth';
import type { FastifyInstance } from 'fastify';
import type { Account, Config } from './config.ts';
import { isSame, refuseCredentials, sha256 } from './credentials.ts';
import type { Counter } from './limits.ts';
import { sendProblem } from './problem.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The name of who is signed in to the dashboard. */
    operator: string;
    role: Role | null;
  }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** It changes nothing although its method could: what is asked is not to stand in its address. */
    reads?: boolean;
  }
}

type Role = 'operator' | 'viewer';

/** They change nothing. */
export const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** Lets nobody in without credentials, and a viewer not act. */
export async function requireSignIn(
  app: FastifyInstance,
  { admin, viewer }: Pick<Config, 'admin' | 'viewer'>,
  wrong: Counter,
): Promise<void> {
  const accounts = [...account('operator', admin), ...account('viewer', viewer)];
  app.decorateRequest('operator', '');
  app.decorateRequest('role', null);
  await app.register(basicAuth, {
    authenticate: { realm: 'Order Notifications' },
    async validate(username, password, request) {
      // All are compared in full, so that the time does not tell which one was near.
      const [match] = accounts.filter((one) =>
        [isSame(one.username, username), isSame(one.password, password)].every(Boolean),
      );
      if (!match) throw new Error('wrong credentials');
      request.operator = username;
      request.role = match.role;
    },
  });
  app.addHook('onRequest', (request, reply, done) =>
    app.basicAuth(request, reply, (error) => {
      if (error) {
        void refuseCredentials(reply, wrong, {
          given: request.headers.authorization !== undefined,
          detail: 'Sign in as an operator or as a viewer.',
        });
      } else if (
        request.role === 'viewer' &&
        !SAFE_METHODS.has(request.method) &&
        !request.routeOptions.config.reads
      )
        void sendProblem(reply, 403, 'A viewer can look, and nothing else.');
      else done();
    }),
  );
}

const account = (role: Role, given: Account | undefined) =>
  given ? [{ role, username: sha256(given.username), password: sha256(given.password) }] : [];
