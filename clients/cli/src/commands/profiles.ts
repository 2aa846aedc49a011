import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { text, UsageError } from '../../../../app/config/command-line.mjs';
import { clientOf, command, required } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { tableOf } from '../output.ts';

const operands = { label: 'NAME', help: 'the name of the profile', min: 1, max: 1 };
const VISIBLE_ASCII = /^[\x21-\x7e]{1,16384}$/;

export const PROFILE_COMMANDS = [
  command('profile add', {
    about: 'Stores the address and the key of a service. The key is read from standard input, or from a file.',
    options: { 'key-file': text('FILE', 'the file that contains the key, such as .local/api-key') },
    operands,
    async run({ values, operands: [name = ''], profiles, output, readStdin }) {
      const url = required('url', values.url);
      const file = values['key-file'];
      if (file === undefined) output.note('Reading the key from standard input …');
      const apiKey = (file === undefined ? await readStdin() : keyIn(file)).trim();
      if (!VISIBLE_ASCII.test(apiKey)) throw new UsageError('The key must be one line of visible ASCII characters.');
      clientOf({ url, apiKey }, 1);
      if (isUnencrypted(url)) output.note(`The key will be sent to ${url} unencrypted.`);
      profiles.add(name, { url, apiKey });
      output.result({ profile: name, url, file: profiles.file }, () => `Stored ${name} in ${profiles.file}.\n`);
      return EXIT.done;
    },
  }),
  command('profile list', {
    about: 'Lists the profiles, without their keys.',
    options: {},
    async run({ profiles, output }) {
      const { current } = profiles;
      const all = profiles.names.map((name) => ({
        profile: name,
        url: profiles.get(name).url,
        current: name === current,
      }));
      output.result({ profiles: all }, () =>
        tableOf(
          ['', 'PROFILE', 'URL'],
          all.map(({ profile, url, current: isCurrent }) => [isCurrent ? '*' : '', profile, url]),
        ),
      );
      return EXIT.done;
    },
  }),
  command('profile use', {
    about: 'Makes a profile the current one.',
    options: {},
    operands,
    async run({ operands: [name = ''], profiles, output }) {
      profiles.use(name);
      output.result({ current: name }, () => `${name} is the current profile.\n`);
      return EXIT.done;
    },
  }),
  command('profile remove', {
    about: 'Removes a profile and its key from this machine. The key stays valid.',
    options: {},
    operands,
    async run({ operands: [name = ''], profiles, output }) {
      profiles.remove(name);
      output.result({ removed: name }, () => `Removed ${name}.\n`);
      return EXIT.done;
    },
  }),
];

function keyIn(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`The key cannot be read: ${error instanceof Error ? error.message : error}.`);
  }
}

function isUnencrypted(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  const isLoopback =
    hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'));
  return protocol === 'http:' && !isLoopback;
}
