/** So many letters to the local mailbox, which takes five requests a second. Prints letters and requests a second, and refused requests. */
import { startMailbox } from '../../local/mailbox.ts';
import { type Sending, sendLetters } from '../lib/letters.ts';

const RATE = 5;
const [who = '', count = '', processes = ''] = process.argv.slice(2);
const mailbox = await startMailbox({ ratePerSecond: RATE });
const { messageIds } = await sendLetters({
  ...{ who: who as Sending['who'], letters: Number(count), processes: Number(processes), url: mailbox.url },
  env: { LIMIT: String(RATE) },
});
const letters = mailbox.letters();
const requests = mailbox.requests();
const named = new Set(letters.map(({ tags }) => tags.find(({ name }) => name === 'message_id')?.value));
if (letters.length !== messageIds.length || !messageIds.every((id) => named.has(id)))
  throw new Error(`${letters.length} letters name ${named.size} of ${messageIds.length} messages`);
const seconds = (Date.parse(letters.at(-1)?.acceptedAt ?? '') - Date.parse(requests[0]?.at ?? '')) / 1_000;
console.log(
  JSON.stringify({
    perSecond: letters.length / seconds,
    requests: requests.length / seconds,
    refused: requests.filter(({ status }) => status === 429).length,
  }),
);
await mailbox.close();
