import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UsageError } from '../../../app/config/command-line.mjs';

export interface Profile {
  readonly url: string;
  readonly apiKey: string;
}

interface Stored {
  /** The profile that is used if none is named. */
  readonly current: string | null;
  readonly profiles: Readonly<Record<string, Profile>>;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Only the owner may read the keys. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
const OTHERS = 0o077;

/** `HOLDFAST_PROFILES`, or `holdfast/profiles.json` in the user's configuration folder. */
export function profilesFile(env: NodeJS.ProcessEnv, home: string): string {
  return env['HOLDFAST_PROFILES'] ?? join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'holdfast', 'profiles.json');
}

/** The addresses and keys that a user has stored. */
export class Profiles {
  readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  get current(): string | null {
    return this.#read().current;
  }

  get names(): string[] {
    return Object.keys(this.#read().profiles).sort();
  }

  /** @throws UsageError if there is no profile with this name */
  get(name: string): Profile {
    const { profiles } = this.#read();
    const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
    if (!profile) throw new UsageError(`There is no profile "${name}". Add it: holdfast profile add ${name} --url URL`);
    return profile;
  }

  /** The first profile becomes the current one. */
  add(name: string, profile: Profile): void {
    if (!NAME.test(name)) throw new UsageError('The name of a profile consists of letters, digits, ".", "_" and "-".');
    const { current, profiles } = this.#read();
    this.#write({ current: current ?? name, profiles: { ...profiles, [name]: profile } });
  }

  use(name: string): void {
    this.get(name);
    this.#write({ ...this.#read(), current: name });
  }

  remove(name: string): void {
    this.get(name);
    const { current, profiles } = this.#read();
    const { [name]: _, ...others } = profiles;
    this.#write({ current: current === name ? null : current, profiles: others });
  }

  #read(): Stored {
    let text: string;
    try {
      if ((statSync(this.file).mode & OTHERS) !== 0)
        throw new UsageError(`Others may read the keys in ${this.file}. Run: chmod 600 ${this.file}`);
      text = readFileSync(this.file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { current: null, profiles: {} };
      throw error;
    }
    return parsed(text, this.file);
  }

  /** Writes to another file first, so that a crash leaves the old file intact. */
  #write(stored: Stored): void {
    mkdirSync(dirname(this.file), { recursive: true, mode: FOLDER_MODE });
    const draft = `${this.file}.${process.pid}`;
    writeFileSync(draft, `${JSON.stringify(stored, null, 2)}\n`, { mode: FILE_MODE, flag: 'wx' });
    renameSync(draft, this.file);
  }
}

function parsed(text: string, file: string): Stored {
  try {
    const { current = null, profiles } = JSON.parse(text) as Partial<Stored>;
    if (typeof profiles === 'object' && profiles !== null) return { current, profiles };
  } catch {
    // Reported below.
  }
  throw new UsageError(`${file} does not contain profiles.`);
}
