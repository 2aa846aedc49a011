import { readFileSync, writeFileSync } from 'node:fs';
import { readWriteCommand } from './command-line.mjs';
import { settings } from './config.ts';

/** The table in `docs/configuration.md`, generated from the settings so that it cannot drift from the code. */
export function settingsTable(): string {
  const rows = settings.map(({ variable, fallback, range, description }) => {
    const shown = fallback === undefined ? 'required' : fallback === null ? '–' : `\`${String(fallback)}\``;
    return `| \`${variable}\` | ${shown} | ${range} | ${description} |`;
  });
  return ['| variable | default | allowed | description |', '|---|---|---|---|', ...rows].join('\n');
}

/** The page with its table replaced by a freshly generated one. */
export function withSettingsTable(page: string): string {
  const marked = /(<!-- settings -->\n)[\s\S]*?(<!-- end of settings -->)/;
  if (!marked.test(page)) throw new Error('docs/configuration.md does not contain the markers around its table');
  return page.replace(marked, (_, begin: string, end: string) => `${begin}${settingsTable()}\n${end}`);
}

// npx tsx app/config/config-docs.ts --write
if (process.argv[1]?.endsWith('config-docs.ts')) {
  readWriteCommand('npx tsx app/config/config-docs.ts', 'Generates the table in docs/configuration.md.');
  const file = new URL('../../docs/configuration.md', import.meta.url);
  writeFileSync(file, withSettingsTable(readFileSync(file, 'utf8')));
}
