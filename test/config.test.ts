import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Config, ConfigError, DEFAULTS, readConfig, type Variable } from '../src/config.ts';

const VARIABLES = Object.keys(DEFAULTS) as Variable[]; // keyof DEFAULTS is what Variable is
/** What Node's timers can wait. */
const LONGEST_MS = 2_147_483_647;

/** Each number's default and bounds, in the unit that its name tells. */
const NUMBERS = [
  ['PORT', 'port', 3000, 1, 65_535],
  ['ORDER_RATE_PER_MINUTE', 'orderRatePerMinute', 6000, 1, 1_000_000_000],
  ['RECIPIENT_RATE_PER_HOUR', 'recipientRatePerHour', 600, 1, 1_000_000_000],
  ['EMAIL_TIMEOUT_MS', 'emailTimeoutMs', 10_000, 100, LONGEST_MS],
  ['EMAIL_RATE_PER_SECOND', 'emailRatePerSecond', 5, 1, 1_000_000],
  ['NOTIFICATION_ATTEMPTS', 'notificationAttempts', 4, 1, 25],
  ['NOTIFICATION_BACKOFF_MS', 'notificationBackoffMs', 60_000, 10, LONGEST_MS],
  ['NOTIFIER_CONCURRENCY', 'notifierConcurrency', 200, 1, 1000],
  ['RELAY_POLL_MS', 'relayPollMs', 1000, 10, LONGEST_MS],
  ['RELAY_BATCH', 'relayBatch', 500, 1, 5000],
  ['RECONCILE_AFTER_MS', 'reconcileAfterMs', 60_000, 1000, LONGEST_MS],
  ['RECONCILE_INTERVAL_MS', 'reconcileIntervalMs', 10_000, 200, LONGEST_MS],
  ['MONITOR_INTERVAL_MS', 'monitorIntervalMs', 10_000, 200, LONGEST_MS],
  ['LOCK_DURATION_MS', 'lockDurationMs', 30_000, 1000, LONGEST_MS],
  ['STALLED_INTERVAL_MS', 'stalledIntervalMs', 30_000, 500, LONGEST_MS],
  ['SHUTDOWN_GRACE_MS', 'shutdownGraceMs', 10_000, 1000, LONGEST_MS],
  ['RETENTION_DAYS', 'retentionDays', 90, 1, 36_500],
] as const satisfies readonly (readonly [Variable, keyof Config, number, number, number])[];

/** Every other variable: its default, then texts with what they become, then faulty texts. */
const TEXTS: readonly {
  name: Variable;
  key: keyof Config;
  absent: unknown;
  good: Readonly<Record<string, unknown>>;
  faulty: readonly string[];
}[] = [
  {
    name: 'DATABASE_URL',
    key: 'databaseUrl',
    absent: '',
    good: {
      'postgres://u:p@host:5432/db': 'postgres://u:p@host:5432/db',
      'postgresql://host/db': 'postgresql://host/db',
    },
    faulty: ['mysql://host/db', 'host:5432', 'postgres:host', ' '],
  },
  {
    name: 'REDIS_URL',
    key: 'redisUrl',
    absent: '',
    good: { 'redis://host:6379/2': 'redis://host:6379/2', 'rediss://:p@host': 'rediss://:p@host' },
    faulty: ['http://host', 'redis:6379', 'localhost'],
  },
  {
    name: 'RESEND_WEBHOOK_SECRET',
    key: 'resendWebhookSecrets',
    absent: [],
    good: {
      whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
      'whsec_AAAAAAAAAAAAAAAAAAAAAA==, whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw': [
        'whsec_AAAAAAAAAAAAAAAAAAAAAA==',
        'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      ],
    },
    faulty: [
      'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      'whsec_',
      'whsec_c2hvcnQ=',
      'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS',
    ],
  },
  {
    name: 'HOST',
    key: 'host',
    absent: '127.0.0.1',
    good: { '0.0.0.0': '0.0.0.0', '::1': '::1', 'web-1.internal': 'web-1.internal' },
    faulty: ['http://host', 'a b', 'a/b', 'a:b', '256.0.0.1'],
  },
  {
    name: 'PUBLIC_URL',
    key: 'publicUrl',
    absent: 'http://127.0.0.1:3000',
    good: {
      'https://shop.example/api/': 'https://shop.example/api',
      'http://shop.example': 'http://shop.example',
    },
    faulty: ['shop.example', 'ftp://shop.example', 'https:shop.example'],
  },
  {
    name: 'API_KEYS',
    key: 'apiKeys',
    absent: [],
    good: {
      'shop:s3cret': [{ name: 'shop', secret: 's3cret' }],
      ' a.b-c_1:x , b:y:z, ': [
        { name: 'a.b-c_1', secret: 'x' },
        { name: 'b', secret: 'y:z' },
      ],
      'a:old,a:new': [
        { name: 'a', secret: 'old' },
        { name: 'a', secret: 'new' },
      ],
    },
    faulty: ['secret', 'shop:', ':secret', 'shop:a b', 'sh op:secret', 'shop:schlüssel', 'a:x,b'],
  },
  {
    name: 'RESEND_API_KEY',
    key: 'resendApiKey',
    absent: '',
    good: { re_123: 're_123' },
    faulty: ['re_1 23', 're_\n', 'ré_1'],
  },
  {
    name: 'RESEND_BASE_URL',
    key: 'resendBaseUrl',
    absent: 'https://api.resend.com',
    good: {
      'https://proxy.example/': 'https://proxy.example',
      'http://127.0.0.1:8025': 'http://127.0.0.1:8025',
      'http://localhost:8025': 'http://localhost:8025',
      'http://[::1]:8025': 'http://[::1]:8025',
    },
    faulty: [
      'http://proxy.example',
      'http://127.0.0.1.evil.example',
      'http://localhost@evil.example',
      'https://user:password@proxy.example',
      'proxy.example',
    ],
  },
  { name: 'RESEND_ACCOUNT', key: 'resendAccount', absent: '', good: { team: 'team' }, faulty: ['the team'] },
  {
    name: 'EMAIL_FROM',
    key: 'emailFrom',
    absent: '',
    good: { 'a@shop.example': 'a@shop.example', 'The Shop <a@shop.example>': 'The Shop <a@shop.example>' },
    faulty: ['shop', 'The Shop', 'The Shop <shop>', 'a@b@c', 'A <a@b> B', 'A\n<a@b>', 'a@b, c@d'],
  },
  {
    name: 'ALERT_WEBHOOK_URL',
    key: 'alertWebhookUrls',
    absent: [],
    good: {
      'https://a.example/x, http://localhost:9': ['https://a.example/x', 'http://localhost:9'],
      ' , ': [],
    },
    faulty: ['http://a.example', 'https://a.example,b.example', 'https://user@a.example'],
  },
  {
    name: 'LOG_LEVEL',
    key: 'logLevel',
    absent: 'info',
    good: Object.fromEntries(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'].map((l) => [l, l]),
    ),
    faulty: ['INFO', 'verbose', 'info '],
  },
  {
    name: 'NODE_ENV',
    key: 'production',
    absent: false,
    good: { production: true, development: false, test: false, staging: false },
    faulty: [],
  },
  {
    name: 'FAILPOINTS',
    key: 'failpoints',
    absent: [],
    good: {
      'markEnqueued:after=kill, queue.look:before=hang@3': [
        { name: 'markEnqueued', moment: 'after', act: 'kill', pass: 1 },
        { name: 'queue.look', moment: 'before', act: 'hang', pass: 3 },
      ],
    },
    faulty: [
      'markEnqueued',
      'markEnqueued=kill',
      'a:during=kill',
      'a:after=stop',
      'a:after=kill@0',
      'a b:after=kill',
    ],
  },
];

/** The dashboard's credentials: two variables that make one setting. */
const CREDENTIALS = [
  { name: 'ADMIN_USERNAME', faulty: ['a:b', 'a\nb'] },
  { name: 'ADMIN_PASSWORD', faulty: [] },
  { name: 'VIEWER_USERNAME', faulty: ['a:b', 'a\nb'] },
  { name: 'VIEWER_PASSWORD', faulty: [] },
] as const;

function faultsOf(
  environment: Readonly<Record<string, string>>,
  required: readonly Variable[] = [],
): readonly string[] {
  try {
    readConfig(required, environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

describe('a number of the environment', () => {
  it.each(NUMBERS)(
    '%s is %s, %d unless told, and lies from %d to %d',
    (name, key, otherwise, least, most) => {
      expect(readConfig([], {})[key]).toBe(otherwise);
      for (const value of [least, most]) expect(readConfig([], { [name]: String(value) })[key]).toBe(value);
      const fault = [`${name} must be a whole number from ${least} to ${most}`];
      for (const text of [
        least - 1,
        most + 1,
        '1e3',
        '12.5',
        '0x20',
        ' 500',
        '5 s',
        'many',
        '١٢٣',
        '99999999999999999999',
      ])
        expect(faultsOf({ [name]: String(text) }), String(text)).toEqual(fault);
    },
  );
});

describe('a text of the environment', () => {
  it.each(TEXTS)(
    '$name has its default, takes what is good and refuses what is not',
    ({ name, key, absent, good, faulty }) => {
      expect(readConfig([], {})[key]).toEqual(absent);
      for (const [text, value] of Object.entries(good))
        expect(readConfig([], { [name]: text })[key], text).toEqual(value);
      for (const text of faulty) {
        const faults = faultsOf({ [name]: text });
        expect(faults, text).toHaveLength(1);
        expect(faults[0], text).toMatch(new RegExp(`^${name} `));
      }
    },
  );

  it.each(CREDENTIALS)('$name alone opens no dashboard', ({ name, faulty }) => {
    expect(readConfig([], { [name]: 'operator' }).admin).toBeUndefined();
    for (const text of faulty)
      expect(faultsOf({ [name]: text })).toEqual([expect.stringMatching(`^${name} `)]);
  });

  it('ADMIN_USERNAME and ADMIN_PASSWORD open the dashboard together', () => {
    const { admin } = readConfig([], { ADMIN_USERNAME: 'operator', ADMIN_PASSWORD: 'p:w' });
    expect(admin).toEqual({ username: 'operator', password: 'p:w' });
  });

  it('RESEND_ACCOUNT is the domain of EMAIL_FROM unless told', () => {
    const account = (environment: Record<string, string>) => readConfig([], environment).resendAccount;
    expect(account({ EMAIL_FROM: 'The Shop <orders@shop.example>' })).toBe('shop.example');
    expect(account({ EMAIL_FROM: 'orders@shop.example' })).toBe('shop.example');
    expect(account({ EMAIL_FROM: 'orders@shop.example', RESEND_ACCOUNT: 'team' })).toBe('team');
  });

  it('PUBLIC_URL follows HOST and PORT unless told', () => {
    const publicUrl = (environment: Record<string, string>) => readConfig([], environment).publicUrl;
    expect(publicUrl({ HOST: 'shop.internal', PORT: '8080' })).toBe('http://shop.internal:8080');
    expect(publicUrl({ HOST: '::1', PORT: '8080' })).toBe('http://[::1]:8080');
  });
});

describe('the environment', () => {
  it('has every variable in one of the tables above', () => {
    const covered = [...NUMBERS.map(([name]) => name), ...[...TEXTS, ...CREDENTIALS].map(({ name }) => name)];
    expect(covered.toSorted()).toEqual(VARIABLES.toSorted());
  });

  it('counts an empty variable as absent', () => {
    const empty = Object.fromEntries(VARIABLES.map((name) => [name, '']));
    expect(readConfig([], empty)).toEqual(readConfig([], {}));
    expect(faultsOf(empty, ['REDIS_URL'])).toEqual(['REDIS_URL is required']);
  });

  it('may lack what a process does not need', () => {
    expect(faultsOf({})).toEqual([]);
    expect(faultsOf({ DATABASE_URL: 'postgres://host/db' }, ['DATABASE_URL'])).toEqual([]);
    expect(faultsOf({ REDIS_URL: 'redis://host' }, ['DATABASE_URL'])).toEqual(['DATABASE_URL is required']);
  });

  it('with faults is refused with all of them at once, by name', () => {
    const faults = faultsOf(
      { PORT: '0', LOG_LEVEL: 'loud', API_KEYS: 'x', EMAIL_FROM: 'nobody', REDIS_URL: 'redis:' },
      ['DATABASE_URL', 'REDIS_URL', 'RESEND_API_KEY'],
    );
    expect(faults.map((fault) => fault.split(' ')[0]).toSorted()).toEqual(
      [
        'API_KEYS',
        'DATABASE_URL',
        'EMAIL_FROM',
        'LOG_LEVEL',
        'PORT',
        'REDIS_URL',
        'RESEND_API_KEY',
      ].toSorted(),
    );
    expect(faults).toContain('DATABASE_URL is required');
  });

  it('with faults is refused without a word of any value', () => {
    const marked = Object.fromEntries(VARIABLES.map((name) => [name, `hush-${name}\u0007\n€ :`]));
    let message = '';
    try {
      readConfig([], marked);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain('DATABASE_URL');
    expect(message).not.toMatch(/hush|€/);
  });

  it('is read once: nobody changes it later', () => {
    expect(Object.isFrozen(readConfig([], {}))).toBe(true);
  });
});

describe('in production', () => {
  const production = { NODE_ENV: 'production' };

  it('a process listens on every address unless told', () => {
    expect(readConfig([], production).host).toBe('0.0.0.0');
    expect(readConfig([], { ...production, HOST: '10.0.0.1' }).host).toBe('10.0.0.1');
  });

  it('secrets have at least 24 characters and passwords 16', () => {
    expect(faultsOf({ ...production, API_KEYS: `shop:${'x'.repeat(23)}` })).toEqual([
      'API_KEYS must be name:secret pairs separated by commas, secrets of at least 24 visible ASCII characters',
    ]);
    expect(faultsOf({ ...production, ADMIN_PASSWORD: 'x'.repeat(15) })).toEqual([
      'ADMIN_PASSWORD must have at least 16 characters',
    ]);
    const long = { API_KEYS: `shop:${'x'.repeat(24)}`, ADMIN_PASSWORD: 'battery-staple-7' };
    expect(faultsOf({ ...production, ...long })).toEqual([]);
  });

  it.each([
    'passwordpassword',
    'Password12345678',
    'xxxxxxxxxxxxxxxx',
    '1234567890123456',
    'change-me-change-me',
    'operator-password',
    'local-password-1',
  ])('no password is %j, which anybody would try', (password) => {
    for (const name of ['ADMIN_PASSWORD', 'VIEWER_PASSWORD'])
      expect(faultsOf({ ...production, [name]: password })).toEqual([
        `${name} must not be one that anybody would try`,
      ]);
    expect(faultsOf({ ADMIN_PASSWORD: password })).toEqual([]);
  });

  it('no two accounts are the same, and no password is its name: all is said at once', () => {
    const same = {
      ADMIN_USERNAME: 'battery-staple-7',
      ADMIN_PASSWORD: 'battery-staple-7',
      VIEWER_USERNAME: 'battery-staple-7',
      VIEWER_PASSWORD: 'battery-staple-7',
    };
    expect(faultsOf({ ...production, ...same })).toEqual([
      'ADMIN_PASSWORD must not be the name that it belongs to',
      'VIEWER_PASSWORD must not be the name that it belongs to',
      'VIEWER_USERNAME must not be the same as ADMIN_USERNAME',
      'VIEWER_PASSWORD must not be the same as ADMIN_PASSWORD',
    ]);
    // Elsewhere too nobody could say who is who.
    expect(faultsOf(same)).toEqual(['VIEWER_USERNAME must not be the same as ADMIN_USERNAME']);
  });

  it('nothing fails on purpose', () => {
    expect(faultsOf({ ...production, FAILPOINTS: 'markEnqueued:after=kill' })).toEqual([
      'FAILPOINTS is for tests: it is refused when NODE_ENV is production',
    ]);
  });

  it('letters and alerts leave the machine encrypted, as they do elsewhere', () => {
    const unsafe = { RESEND_BASE_URL: 'http://mail.example', ALERT_WEBHOOK_URL: 'http://pager.example' };
    for (const environment of [unsafe, { ...production, ...unsafe }]) {
      expect(faultsOf(environment)).toEqual([
        'RESEND_BASE_URL must begin with https:// (http:// only to this machine)',
        'ALERT_WEBHOOK_URL must begin with https:// (http:// only to this machine)',
      ]);
    }
  });
});

describe('a warning', () => {
  it('is given for a lock that ends before the provider has to answer', () => {
    const warnings = (lock: string, timeout: string) =>
      readConfig([], { LOCK_DURATION_MS: lock, EMAIL_TIMEOUT_MS: timeout }).warnings;
    expect(warnings('10000', '10000')).toEqual([
      expect.stringMatching(/^LOCK_DURATION_MS .*EMAIL_TIMEOUT_MS/),
    ]);
    expect(warnings('10001', '10000')).toEqual([]);
  });

  it('is given for retries that go on after the provider has forgotten a key', () => {
    const warnings = (attempts: string, backoff: string) =>
      readConfig([], { NOTIFICATION_ATTEMPTS: attempts, NOTIFICATION_BACKOFF_MS: backoff }).warnings;
    const hour = 3_600_000;
    expect(warnings('4', String(3 * hour))).toEqual([]); // 3 + 6 + 12 hours
    expect(warnings('4', String(4 * hour))).toEqual([
      expect.stringMatching(/^NOTIFICATION_ATTEMPTS .*NOTIFICATION_BACKOFF_MS/),
    ]);
    expect(warnings('1', String(30 * hour))).toEqual([]);
  });

  it('is given for a production whose alerts nobody hears, or cannot follow', () => {
    const warnings = (environment: Readonly<Record<string, string>>) =>
      readConfig([], { NODE_ENV: 'production', ...environment }).warnings;
    const heard = { ALERT_WEBHOOK_URL: 'https://pager.example' };
    const followed = { PUBLIC_URL: 'https://shop.example' };
    expect(warnings(followed)).toEqual([expect.stringMatching(/^ALERT_WEBHOOK_URL /)]);
    for (const url of ['', 'http://localhost:3000', 'http://127.0.0.1', 'http://[::]:3000'])
      expect(warnings({ ...heard, PUBLIC_URL: url }), url).toEqual([expect.stringMatching(/^PUBLIC_URL /)]);
    expect(warnings({ ...heard, ...followed })).toEqual([]);
  });

  it('is given for failpoints', () => {
    const { warnings } = readConfig([], { FAILPOINTS: 'markEnqueued:after=throw' });
    expect(warnings).toEqual([expect.stringMatching(/^FAILPOINTS /)]);
  });

  it('is not given for the defaults', () => {
    expect(readConfig([], {}).warnings).toEqual([]);
  });
});

describe('.env.example', () => {
  const lines = readFileSync(new URL('../.env.example', import.meta.url), 'utf8').split('\n');
  const listed = lines.flatMap((line, i) => {
    const [, name, value] = /^# ?([A-Z][A-Z_]*)=(.*)$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [{ name, value, comment: commentAbove(i) }];
  });

  function commentAbove(index: number): string {
    const above = lines.slice(0, index).reverse();
    const end = above.findIndex((line) => !line.startsWith('# ') || /^# [A-Z_]+=/.test(line));
    return above.slice(0, end).reverse().join('\n');
  }

  it('lists every variable once, with its default', () => {
    expect(listed.map(({ name, value }) => [name, value])).toEqual(Object.entries(DEFAULTS));
  });

  it('says of every variable what it means, and of every number its range', () => {
    for (const { name, comment } of listed) expect(comment, name).not.toBe('');
    const comments = new Map(listed.map(({ name, comment }) => [name, comment]));
    for (const [name, , , least, most] of NUMBERS)
      expect(comments.get(name)).toContain(`${least} to ${most}`);
  });

  it('changes nothing, as it is and with every line taken in', () => {
    expect(parseEnv(lines.join('\n'))).toEqual({});
    const taken = parseEnv(lines.map((line) => line.replace(/^# ?(?=[A-Z_]+=)/, '')).join('\n'));
    expect(readConfig([], taken)).toEqual(readConfig([], {}));
  });
});
