import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { mysqlConnectionsMax } from '../mysql-pools.ts';

it('the numbers of connections to MySQL are those in docs/configuration.md', () => {
  const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
  const row = (name: string, role: 'api' | 'keeper') =>
    `| ${[name, ...[1, 3, 16].map((shards) => mysqlConnectionsMax(role, 10, shards))].join(' | ')} |`;
  expect(page).toContain(row('API pod', 'api'));
  expect(page).toContain(row('keeper', 'keeper'));
});
