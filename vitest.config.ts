import { defineConfig } from 'vitest/config';

/** What looks at files only, and is part of `npm run check`. */
const STATIC = ['test/layout.test.ts', 'test/migrations.test.ts'];

export default defineConfig({
  test: {
    reporters: ['default', './test/support/verdict.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'static', include: STATIC } },
      {
        extends: true,
        test: {
          name: 'real',
          include: ['test/**/*.test.ts'],
          exclude: STATIC,
          globalSetup: './test/support/global.ts',
        },
      },
    ],
  },
});
