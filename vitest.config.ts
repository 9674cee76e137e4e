import { defineConfig } from 'vitest/config';

/** What looks at files only, and is part of `npm run check`. */
const STATIC = ['test/layout.test.ts', 'test/migrations.test.ts', 'test/supply.test.ts'];

/** What needs no server at all, and time. */
const PURE = ['test/model.test.ts'];

/** What needs servers of its own. With given servers nothing is started, and these are left out. */
const OWN_SERVERS = [
  'test/local-stores.test.ts',
  'test/full-redis.test.ts',
  'test/evicting-redis.test.ts',
  'test/doctor-redis.test.ts',
  'test/attack.test.ts',
  'test/bench.test.ts',
  'test/prove.test.ts',
  'test/self.test.ts',
];
const given = Boolean(process.env.DATABASE_URL && process.env.REDIS_URL);

export default defineConfig({
  test: {
    reporters: ['default', './test/support/verdict.ts'],
    testTimeout: 240_000,
    hookTimeout: 240_000,
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'static', include: STATIC } },
      { extends: true, test: { name: 'pure', include: PURE } },
      {
        extends: true,
        test: {
          name: 'real',
          include: ['test/**/*.test.ts'],
          exclude: [...STATIC, ...PURE, ...(given ? OWN_SERVERS : [])],
          globalSetup: './test/support/global.ts',
        },
      },
    ],
  },
});
