/** So many letters to a provider that answers after so long. Prints how many a second, MB at most, and CPU milliseconds for each. */
import { type Sending, sendLetters } from '../lib/letters.ts';
import { startProvider } from '../lib/provider.ts';

const [who = '', count = '', delayMs = ''] = process.argv.slice(2);
const letters = Number(count);
const provider = await startProvider(Number(delayMs));
const { cpuMs, mb } = await sendLetters({
  ...{ who: who as Sending['who'], letters, processes: 1, url: provider.url },
  env: { EMAIL_RATE_PER_SECOND: '1000000' },
});
if (provider.letters() !== letters) throw new Error(`${provider.letters()} letters of ${letters} messages`);
console.log(JSON.stringify({ perSecond: letters / provider.seconds(), mb, cpuMs: cpuMs / letters }));
provider.close();
