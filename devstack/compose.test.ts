import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

interface Service {
  environment?: Record<string, unknown>;
  networks?: { default: { aliases: string[] } };
}
interface Compose {
  services: Record<string, Service>;
  configs?: Record<string, { content: string }>;
}

const read = (name: string) =>
  parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'), {
    merge: true,
    customTags: [{ tag: '!override', collection: 'seq', resolve: (value) => value }],
  }) as Compose;

test('compose.shards.yaml gives each process a Redis and a database for each shard', () => {
  const [one, several] = [read('compose.yaml'), read('compose.shards.yaml')];
  const names = new Set([
    ...Object.keys({ ...one.services, ...several.services }),
    ...Object.values(several.services).flatMap(({ networks }) => networks?.default.aliases ?? []),
  ]);
  for (const role of ['api', 'keeper', 'search', 'migrate']) {
    const { SHARDS, REDIS_URL, MYSQL_URL } = several.services[role]?.environment ?? {};
    expect(SHARDS).toBe(3);
    for (let shard = 0; shard < Number(SHARDS); shard++) {
      const host = /@([^:/]+):6379$/.exec(String(REDIS_URL).replaceAll('{shard}', String(shard)))?.[1];
      expect(names).toContain(host);
      const database = /\/(\w+)$/.exec(String(MYSQL_URL).replaceAll('{shard}', String(shard)))?.[1] ?? '';
      const sql = several.configs?.['databases']?.content ?? '';
      expect(sql).toContain(`CREATE DATABASE ${database} `);
      expect(sql).toContain(`GRANT ALL ON \`${database.replace('_', '\\_')}\`.* TO 'holdfast'`);
    }
  }
});
