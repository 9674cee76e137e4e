/** An outage or a black hole in front of a store, as `npm run prove` makes it. */
export { type Proxy, startProxy } from '../../local/prove/proxy.ts';
