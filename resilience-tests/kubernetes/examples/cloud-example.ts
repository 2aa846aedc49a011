import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { ManagedStores } from './managed-stores.ts';

/** The examples for the stores of cloud providers, with other host names and another source of the secrets. */

const EXAMPLES = join(import.meta.dirname, '..', '..', '..', 'charts', 'holdfast', 'examples');

export interface CloudExample {
  name: 'aws' | 'alibaba';
  /** The ConfigMap with the CA, which the command in the comment of values.yaml creates. */
  caMap: string;
  /** What the example's secrets contain. */
  secrets(values: { redis: string; mysql: string; user: string; apiKey: string }): Record<string, object>;
  /**
   * Whether the values set REDIS_MANAGED, which declares that Redis has the required settings. Otherwise, the ledger
   * runs on MySQL.
   */
  vouched: boolean;
}

export const CLOUD_EXAMPLES: readonly CloudExample[] = [
  {
    name: 'aws',
    caMap: 'rds-ca',
    secrets: ({ redis, mysql, user, apiKey }) => ({
      'rds/holdfast': { username: user, password: mysql },
      'holdfast/stores': { redisPassword: redis, apiKey },
    }),
    vouched: true,
  },
  {
    name: 'alibaba',
    caMap: 'apsaradb-ca',
    secrets: ({ redis, mysql, user, apiKey }) => ({
      'holdfast/stores': { mysqlUser: user, mysqlPassword: mysql, redisPassword: redis, apiKey },
    }),
    vouched: false,
  },
];

export const valuesFile = ({ name }: CloudExample): string => join(EXAMPLES, name, 'values.yaml');

interface Manifest {
  kind: string;
  spec?: { provider?: object };
}

/**
 * The objects of external-secrets.yaml: each store uses the provider `fake`, and contains the secrets itself.
 * @param hosts of Redis and MySQL, instead of those in the file
 */
export function externalSecrets(
  example: CloudExample,
  { user, redis, mysql }: ManagedStores,
  { apiKey, hosts }: { apiKey: string; hosts: { redis: string; mysql: string } },
): object[] {
  const text = readFileSync(join(EXAMPLES, example.name, 'external-secrets.yaml'), 'utf8')
    .replaceAll(/@[\w.-]+:6379/g, `@${hosts.redis}:6379`)
    .replaceAll(/@[\w.-]+:3306/g, `@${hosts.mysql}:3306`);
  const secrets = example.secrets({ redis: redis.password, mysql: mysql.password, user, apiKey });
  const data = Object.entries(secrets).map(([key, value]) => ({ key, value: JSON.stringify(value) }));
  const manifests = parseAllDocuments(text).map((document) => document.toJS() as Manifest);
  return manifests.map((manifest) =>
    manifest.kind === 'SecretStore' ? { ...manifest, spec: { provider: { fake: { data } } } } : manifest,
  );
}

/** The values allow subnets; here, they allow only the addresses of the two stores. */
export const networkPolicyOf = (addresses: { redis: string; mysql: string }): object => ({
  redis: { to: [{ ipBlock: { cidr: `${addresses.redis}/32` } }], ports: [6379] },
  mysql: { to: [{ ipBlock: { cidr: `${addresses.mysql}/32` } }], ports: [3306] },
});
