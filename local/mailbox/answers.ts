/** The answers of the API: the shape of success and the provider's documented list of errors. */

export interface Answer {
  status: number;
  /** A string is sent as it is, `undefined` as an empty body, anything else as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
}

/** Names and statuses come from the provider's error reference (resend.com/docs/api-reference/errors). */
export interface Refusal {
  status: number;
  name: string;
  message: string;
}

/** Tells a refusal from what a rule returns when it is content. */
export function isRefusal(value: object): value is Refusal {
  return 'status' in value && 'name' in value;
}

/** The provider's error body: `{statusCode, name, message}`. */
export function refuse({ status, name, message }: Refusal): Answer {
  return { status, body: { statusCode: status, name, message } };
}

export function validationError(message: string, status: 400 | 422 = 422): Refusal {
  return { status, name: 'validation_error', message };
}

export function missingField(field: string): Refusal {
  return { status: 422, name: 'missing_required_field', message: `Missing ${field} field.` };
}

/** `reason` is the rate that was exceeded, or who said so. */
export function tooManyRequests(reason: string): Refusal {
  return {
    status: 429,
    name: 'rate_limit_exceeded',
    message: `Too many requests. ${reason} See the rate limit response headers for more information.`,
  };
}

export const MISSING_API_KEY: Refusal = {
  status: 401,
  name: 'missing_api_key',
  message: 'Missing API key in the authorization header.',
};

export const INVALID_API_KEY: Refusal = {
  status: 403,
  name: 'invalid_api_key',
  message: 'API key is invalid.',
};

export const INVALID_IDEMPOTENCY_KEY: Refusal = {
  status: 400,
  name: 'invalid_idempotency_key',
  message: 'The key must be between 1-256 chars.',
};

export const OTHER_PAYLOAD: Refusal = {
  status: 409,
  name: 'invalid_idempotent_request',
  message: 'Same idempotency key used with a different request payload.',
};

export const IN_PROGRESS: Refusal = {
  status: 409,
  name: 'concurrent_idempotent_requests',
  message: 'Same idempotency key used while original request is still in progress.',
};

export const NOT_FOUND: Refusal = {
  status: 404,
  name: 'not_found',
  message: 'The requested endpoint does not exist.',
};

export const METHOD_NOT_ALLOWED: Refusal = {
  status: 405,
  name: 'method_not_allowed',
  message: 'Method is not allowed for the requested path.',
};

export const SERVER_ERROR: Refusal = {
  status: 500,
  name: 'internal_server_error',
  message: 'Internal server error. We are unable to process your request right now, please try again later.',
};
