import { UsageError } from '../../../app/config/command-line.mjs';
import type { CliCommand } from './command.ts';
import type { Profiles } from './profiles.ts';

const CHOICES = /^[a-z0-9A-Z.-]+(\|[a-z0-9A-Z.-]+)+$/;

/** The candidates for the last word. @param words after `holdfast`; the last one may be empty */
export function candidatesFor(words: readonly string[], commands: readonly CliCommand[], profiles: Profiles): string[] {
  const before = words.slice(0, -1);
  const last = words.at(-1) ?? '';
  return possible(before, commands, profiles)
    .filter((word) => word.startsWith(last))
    .sort();
}

function possible(before: readonly string[], commands: readonly CliCommand[], profiles: Profiles): string[] {
  const found = commands.find(({ path }) => path.split(' ').every((word, i) => before[i] === word));
  if (!found) {
    const next = commands
      .map(({ path }) => path.split(' '))
      .filter((path) => before.every((word, i) => path[i] === word))
      .map((path) => path[before.length] ?? '');
    return [...new Set(next)].filter((word) => word !== '');
  }
  const option = before.at(-1)?.startsWith('--') ? found.options[before.at(-1)?.slice(2) ?? ''] : undefined;
  if (before.at(-1) === '--profile' || found.path.startsWith('profile ')) {
    const names = namesOf(profiles);
    if (before.at(-1) === '--profile') return names;
    if (found.path !== 'profile add' && found.operands) return [...names, ...optionsOf(found, before)];
  }
  if (option && option.value !== null) return CHOICES.test(option.value) ? option.value.split('|') : [];
  return [...(found.operands?.choices ?? []), ...optionsOf(found, before)];
}

const optionsOf = ({ options }: CliCommand, before: readonly string[]): string[] =>
  [...Object.keys(options), 'help'].map((name) => `--${name}`).filter((name) => !before.includes(name));

/** A file that cannot be read must not disturb the line that is being typed. */
function namesOf(profiles: Profiles): string[] {
  try {
    return profiles.names;
  } catch (error) {
    if (error instanceof UsageError) return [];
    throw error;
  }
}

/** The scripts that a shell has to run once; they get the candidates from this program. */
export const SCRIPTS = {
  bash: `_holdfast() {
  local IFS=$'\\n'
  COMPREPLY=($(holdfast __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _holdfast holdfast
`,
  zsh: `#compdef holdfast
_holdfast() {
  local -a words_found
  words_found=("\${(@f)$(holdfast __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a words_found
}
compdef _holdfast holdfast
`,
  fish: `complete -c holdfast -f -a '(holdfast __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
} as const;
