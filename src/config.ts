/**
 * The environment, read once: every variable with its meaning, default and bounds in one table; all faults are listed
 * together, by name and never by value.
 */
type Environment = Readonly<Record<string, string | undefined>>;

export interface Secret {
  readonly name: string;
  readonly secret: string;
}

export interface Account {
  readonly username: string;
  readonly password: string;
}

/** A boundary at which a test makes the process fail: the first, second … time it is passed. */
export interface Failpoint {
  readonly name: string;
  readonly moment: 'before' | 'after';
  readonly act: 'kill' | 'throw' | 'unavailable' | 'hang';
  readonly pass: number;
}

export interface Config {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly host: string;
  readonly port: number;
  /** Base of links in alerts, without a slash at its end. */
  readonly publicUrl: string;
  /** A name may stand twice, with an old and a new secret: it is the name that idempotency keys belong to. */
  readonly apiKeys: readonly Secret[];
  /** Who may open the dashboard and act there; nobody when absent. */
  readonly admin: Account | undefined;
  /** Who may open it and look. */
  readonly viewer: Account | undefined;
  /** Per API key. */
  readonly orderRatePerMinute: number;
  /** Orders per customer. */
  readonly recipientRatePerHour: number;
  readonly resendApiKey: string;
  readonly resendBaseUrl: string;
  /** Where idempotency keys count: changed when the provider's team changes, not when a key is rotated. */
  readonly resendAccount: string;
  /** Of the provider's webhook: several while they are rotated. */
  readonly resendWebhookSecrets: readonly string[];
  readonly emailFrom: string;
  readonly emailTimeoutMs: number;
  /** Provider requests per second for the whole installation. */
  readonly emailRatePerSecond: number;
  readonly alertWebhookUrls: readonly string[];
  /** The first attempt included. */
  readonly notificationAttempts: number;
  readonly notificationBackoffMs: number;
  readonly notifierConcurrency: number;
  readonly relayPollMs: number;
  readonly relayBatch: number;
  readonly reconcileAfterMs: number;
  readonly reconcileIntervalMs: number;
  readonly monitorIntervalMs: number;
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  readonly shutdownGraceMs: number;
  readonly retentionDays: number;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  readonly production: boolean;
  readonly failpoints: readonly Failpoint[];
  /** Settings that are allowed and weaken a promise, in words. */
  readonly warnings: readonly string[];
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** One sentence per fault, naming its variable. */
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`the environment has ${faults.length} fault(s): ${faults.join('; ')}`);
    this.faults = faults;
  }
}

/** Turns a variable's text into its value, or throws an Error that says what is expected. */
type Parse<T> = (text: string) => T;

function integer(least: number, most: number): Parse<number> {
  return (text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new Error(`must be a whole number from ${least} to ${most}`);
  };
}

function oneOf<const T extends string>(...values: readonly T[]): Parse<T> {
  return (text) => {
    const value = values.find((candidate) => candidate === text);
    if (value !== undefined) return value;
    throw new Error(`must be one of ${values.join(', ')}`);
  };
}

function url(...protocols: readonly string[]): Parse<string> {
  return (text) => {
    // The look at the text is for `redis:6379`, which is a URL too.
    if (URL.canParse(text) && protocols.some((p) => text.startsWith(`${p}//`)))
      return text.replace(/\/+$/, '');
    throw new Error(`must be a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`);
  };
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Letters and alerts hold what is nobody else's business: unencrypted only to this machine. */
const safeUrl: Parse<string> = (text) => {
  const value = url('https:', 'http:')(text);
  const { hostname, username, password } = new URL(value);
  // `fetch` sends nothing to such an address, and its error repeats the password.
  if (username || password) throw new Error('must not contain a user name or a password');
  if (value.startsWith('https:') || LOOPBACK.test(hostname)) return value;
  throw new Error('must begin with https:// (http:// only to this machine)');
};

const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

const hostName: Parse<string> = (text) => {
  if (/^[\w.:-]+$/.test(text) && URL.canParse(`http://${inUrl(text)}`)) return text;
  throw new Error('must be a host name or an address');
};

function list<T>(parse: Parse<T>): Parse<readonly T[]> {
  return (text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map(parse);
}

/** The longest that Node's timers can wait, almost 25 days: beyond it they fire at once. */
const LONGEST_MS = 2_147_483_647;
/** Dates further away than Postgres can count make every purge fail. */
const LONGEST_RETENTION_DAYS = 36_500;
const PRODUCTION_SECRET_LENGTH = 24;
const PRODUCTION_PASSWORD_LENGTH = 16;
const LEAST_WEBHOOK_KEY_BYTES = 16;
const MOST_PER_TIME = 1_000_000_000;

function apiKey(production: boolean): Parse<Secret> {
  const least = production ? PRODUCTION_SECRET_LENGTH : 1;
  return (text) => {
    const [, name, secret] = /^([\w.-]{1,64}):([\x21-\x7e]+)$/.exec(text) ?? [];
    if (name && secret && secret.length >= least) return { name, secret };
    throw new Error(
      `must be name:secret pairs separated by commas, secrets of at least ${least} visible ASCII characters`,
    );
  };
}

function password(production: boolean): Parse<string> {
  const least = production ? PRODUCTION_PASSWORD_LENGTH : 1;
  return (text) => {
    if (text.length < least) throw new Error(`must have at least ${least} characters`);
    if (production && isGuessed(text)) throw new Error('must not be one that anybody would try');
    return text;
  };
}

/** Words that passwords are made of by people in a hurry, those of the examples included. */
const GUESSED =
  /^(?:password|passwort|passw0rd|admin|administrator|operator|viewer|secret|change|changeme|me|default|local|letmein|welcome|test|example|dashboard|order|notifications|qwerty|abc)+$/;
const LEAST_DIFFERENT = 5;

/** Nothing but such words, digits and marks; or hardly more than one character. */
function isGuessed(text: string): boolean {
  const letters = text
    .toLowerCase()
    .replace(/[^a-z0]/g, '')
    .replace(/0+$/, '');
  return letters === '' || GUESSED.test(letters) || new Set(text).size < LEAST_DIFFERENT;
}

function matching(pattern: RegExp, expected: string): Parse<string> {
  return (text) => {
    if (pattern.test(text)) return text;
    throw new Error(`must be ${expected}`);
  };
}

/** As the provider shows it: `whsec_` and the base64 of the key. */
const webhookSecret: Parse<string> = (text) => {
  const [, key] = /^whsec_((?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/.exec(text) ?? [];
  if (key && Buffer.from(key, 'base64').length >= LEAST_WEBHOOK_KEY_BYTES) return text;
  throw new Error(
    `must be whsec_ and the base64 of at least ${LEAST_WEBHOOK_KEY_BYTES} bytes, several separated by commas`,
  );
};

function failpoint(production: boolean): Parse<Failpoint> {
  return (text) => {
    if (production) throw new Error('is for tests: it is refused when NODE_ENV is production');
    const [, name, moment, act, pass = '1'] =
      /^([A-Za-z.]+):(before|after)=(kill|throw|unavailable|hang)(?:@([1-9]\d{0,5}))?$/.exec(text) ?? [];
    if (!name)
      throw new Error('must be name:before|after=kill|throw|unavailable|hang[@pass], separated by commas');
    // The pattern knows no other words.
    return { name, moment: moment as Failpoint['moment'], act: act as Failpoint['act'], pass: Number(pass) };
  };
}

const ADDRESS = /^(?:[^<>\p{Cc}]+ )?<[^\s<>@]+@[^\s<>@]+>$|^[^\s<>@]+@[^\s<>@]+$/u;

/** The name of every variable, and what the processes take when it is absent. An empty text means no default. */
export const DEFAULTS = {
  DATABASE_URL: '',
  REDIS_URL: '',
  PORT: '3000',
  HOST: '',
  PUBLIC_URL: '',
  API_KEYS: '',
  ADMIN_USERNAME: '',
  ADMIN_PASSWORD: '',
  VIEWER_USERNAME: '',
  VIEWER_PASSWORD: '',
  ORDER_RATE_PER_MINUTE: '6000',
  RECIPIENT_RATE_PER_HOUR: '600',
  RESEND_API_KEY: '',
  RESEND_BASE_URL: 'https://api.resend.com',
  RESEND_ACCOUNT: '',
  RESEND_WEBHOOK_SECRET: '',
  EMAIL_FROM: '',
  EMAIL_TIMEOUT_MS: '10000',
  EMAIL_RATE_PER_SECOND: '5',
  ALERT_WEBHOOK_URL: '',
  NOTIFICATION_ATTEMPTS: '4',
  NOTIFICATION_BACKOFF_MS: '60000',
  NOTIFIER_CONCURRENCY: '200',
  RELAY_POLL_MS: '1000',
  RELAY_BATCH: '500',
  RECONCILE_AFTER_MS: '60000',
  RECONCILE_INTERVAL_MS: '10000',
  MONITOR_INTERVAL_MS: '10000',
  LOCK_DURATION_MS: '30000',
  STALLED_INTERVAL_MS: '30000',
  SHUTDOWN_GRACE_MS: '10000',
  RETENTION_DAYS: '90',
  LOG_LEVEL: 'info',
  NODE_ENV: 'development',
  FAILPOINTS: '',
} as const;

export type Variable = keyof typeof DEFAULTS;

/**
 * Reads and checks the environment.
 * @param required the variables that this process cannot do without.
 * @param environment for tests; everybody else means the process's own.
 * @throws ConfigError with every fault.
 */
export function readConfig(required: readonly Variable[], environment: Environment = process.env): Config {
  const faults: string[] = [];
  const production = (environment.NODE_ENV ?? '') === 'production';

  /** An empty variable counts as absent. A fault yields the fallback; it never reaches anyone, because we throw. */
  function read<T, F>(name: Variable, parse: Parse<T>, fallback: F): T | F {
    const text = environment[name] || DEFAULTS[name];
    if (!text && required.includes(name)) faults.push(`${name} is required`);
    if (!text) return fallback;
    try {
      return parse(text);
    } catch (error) {
      faults.push(`${name} ${(error as Error).message}`); // parsers throw nothing but Error
      return fallback;
    }
  }
  const number = (name: Variable, least: number, most: number) => read(name, integer(least, most), 0);
  const milliseconds = (name: Variable, least: number) => number(name, least, LONGEST_MS);

  const host = read('HOST', hostName, production ? '0.0.0.0' : '127.0.0.1');
  const port = number('PORT', 1, 65535);
  const account = (name: 'ADMIN' | 'VIEWER'): Account | undefined => {
    const username = read(
      `${name}_USERNAME`,
      matching(/^[^:\p{Cc}]+$/u, 'without colons and control characters'),
      '',
    );
    const given = read(`${name}_PASSWORD`, password(production), '');
    if (production && given !== '' && given === username)
      faults.push(`${name}_PASSWORD must not be the name that it belongs to`);
    return username && given ? { username, password: given } : undefined;
  };
  const admin = account('ADMIN');
  const viewer = account('VIEWER');
  if (viewer && viewer.username === admin?.username)
    faults.push('VIEWER_USERNAME must not be the same as ADMIN_USERNAME');
  if (production && viewer && viewer.password === admin?.password)
    faults.push('VIEWER_PASSWORD must not be the same as ADMIN_PASSWORD');
  const emailFrom = read('EMAIL_FROM', matching(ADDRESS, 'an address or Name <address>'), '');
  const apiKeys = read('API_KEYS', list(apiKey(production)), []);

  const config: Omit<Config, 'warnings'> = {
    databaseUrl: read('DATABASE_URL', url('postgres:', 'postgresql:'), ''),
    redisUrl: read('REDIS_URL', url('redis:', 'rediss:'), ''),
    host,
    port,
    publicUrl: read('PUBLIC_URL', url('https:', 'http:'), `http://${inUrl(host)}:${port}`),
    apiKeys,
    admin,
    viewer,
    orderRatePerMinute: number('ORDER_RATE_PER_MINUTE', 1, MOST_PER_TIME),
    recipientRatePerHour: number('RECIPIENT_RATE_PER_HOUR', 1, MOST_PER_TIME),
    resendApiKey: read('RESEND_API_KEY', matching(/^[\x21-\x7e]+$/, 'visible ASCII characters'), ''),
    resendBaseUrl: read('RESEND_BASE_URL', safeUrl, ''),
    resendAccount: read('RESEND_ACCOUNT', matching(/^\S+$/, 'without spaces'), domainOf(emailFrom)),
    resendWebhookSecrets: read('RESEND_WEBHOOK_SECRET', list(webhookSecret), []),
    emailFrom,
    emailTimeoutMs: milliseconds('EMAIL_TIMEOUT_MS', 100),
    emailRatePerSecond: number('EMAIL_RATE_PER_SECOND', 1, 1_000_000),
    alertWebhookUrls: read('ALERT_WEBHOOK_URL', list(safeUrl), []),
    notificationAttempts: number('NOTIFICATION_ATTEMPTS', 1, 25),
    notificationBackoffMs: milliseconds('NOTIFICATION_BACKOFF_MS', 10),
    notifierConcurrency: number('NOTIFIER_CONCURRENCY', 1, 1000),
    relayPollMs: milliseconds('RELAY_POLL_MS', 10),
    relayBatch: number('RELAY_BATCH', 1, 5000),
    reconcileAfterMs: milliseconds('RECONCILE_AFTER_MS', 1000),
    reconcileIntervalMs: milliseconds('RECONCILE_INTERVAL_MS', 200),
    monitorIntervalMs: milliseconds('MONITOR_INTERVAL_MS', 200),
    lockDurationMs: milliseconds('LOCK_DURATION_MS', 1000),
    stalledIntervalMs: milliseconds('STALLED_INTERVAL_MS', 500),
    shutdownGraceMs: milliseconds('SHUTDOWN_GRACE_MS', 1000),
    retentionDays: number('RETENTION_DAYS', 1, LONGEST_RETENTION_DAYS),
    logLevel: read('LOG_LEVEL', oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'), 'info'),
    production,
    failpoints: read('FAILPOINTS', list(failpoint(production)), []),
  };
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze({ ...config, warnings: weaknesses(config) });
}

function domainOf(from: string): string {
  return /@([^>]+)>?$/.exec(from)?.[1] ?? '';
}

const REPEATABLE_FOR_MS = 23 * 3_600_000;

/** Combinations that no single bound can refuse and that weaken a promise all the same. */
function weaknesses(config: Omit<Config, 'warnings'>): string[] {
  const warnings: string[] = [];
  if (config.failpoints.length > 0) warnings.push('FAILPOINTS is set: this process fails on purpose');
  if (config.notificationBackoffMs * (2 ** (config.notificationAttempts - 1) - 1) >= REPEATABLE_FOR_MS) {
    warnings.push(
      'NOTIFICATION_ATTEMPTS with NOTIFICATION_BACKOFF_MS takes longer than 23 hours: after that a request whose outcome is unknown is not repeated',
    );
  }
  if (config.lockDurationMs <= config.emailTimeoutMs) {
    warnings.push(
      'LOCK_DURATION_MS is not above EMAIL_TIMEOUT_MS: a slow answer may let a second notifier repeat the request',
    );
  }
  if (
    config.production &&
    /^(0\.0\.0\.0|\[::\])$|^localhost$|^127\./.test(new URL(config.publicUrl).hostname)
  ) {
    warnings.push('PUBLIC_URL is not an address that others can reach: the links in alerts lead nowhere');
  }
  if (config.production && config.alertWebhookUrls.length === 0) {
    warnings.push('ALERT_WEBHOOK_URL is not set: nobody hears of dead letters');
  }
  return warnings;
}
