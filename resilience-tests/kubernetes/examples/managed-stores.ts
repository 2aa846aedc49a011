import { createHash, randomBytes } from 'node:crypto';
import { kubectl } from '../../../devstack/cluster/commands.ts';
import { makeNamespace } from '../../../devstack/cluster/install.ts';
import type { Pod } from '../cluster/pods.ts';
import { type Authority, certify, makeAuthority } from './certificates.ts';

/**
 * Redis and MariaDB as managed services offer them: TLS only, with certificates of the provider's own CA; a Redis user
 * that may not run CONFIG, ACL or other administrative commands; a database user with privileges on its own database
 * only.
 */

const NAMESPACE = 'holdfast-stores';
const USER = 'holdfast';
const READY = '--timeout=240s';
/** A password with every character that has a special meaning in a URL. */
const password = (): string => `p/w+a b%c@d:e?f#g&h=${randomBytes(6).toString('hex')}`;
/** The privileges that docs/deployment.md grants to a single user for the migration and the pods. */
const PRIVILEGES = 'SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES, CREATE VIEW, DROP';

export class ManagedStores implements Disposable {
  readonly user = USER;
  readonly redis = { host: hostOf('redis'), otherHost: hostOf('redis-alias'), password: password() };
  readonly mysql = { host: hostOf('mysql'), otherHost: hostOf('mysql-alias'), password: password() };
  /** In PEM: the CA of both certificates, and another CA. */
  readonly ca: string;
  readonly otherCa: string;

  private constructor(ca: string, otherCa: string) {
    this.ca = ca;
    this.otherCa = otherCa;
  }

  /** Starts new, empty stores. Deletes those of an earlier run. */
  static async start(): Promise<ManagedStores> {
    const [ca, other] = await Promise.all([makeAuthority('provider'), makeAuthority('somebody else')]);
    const stores = new ManagedStores(ca.certificate, other.certificate);
    stores[Symbol.dispose]();
    makeNamespace(NAMESPACE);
    const { redis, mysql } = stores;
    const objects = [
      secretOf('redis', await certify(ca, redis.host), { 'redis.conf': redisConfig(redis.password) }),
      secretOf('mysql', await certify(ca, mysql.host), { 'init.sql': users(mysql.password) }),
      redisPod(),
      mysqlPod(),
      ...['redis', 'redis-alias'].map((name) => serviceOf(name, 'redis', 6379)),
      ...['mysql', 'mysql-alias'].map((name) => serviceOf(name, 'mysql', 3306)),
    ];
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    kubectl(['--namespace', NAMESPACE, 'apply', '-f', '-'], JSON.stringify(list));
    kubectl(['--namespace', NAMESPACE, 'wait', '--for=condition=Ready', 'pod', '--all', READY]);
    return stores;
  }

  pod(name: 'redis' | 'mysql'): Pod {
    return JSON.parse(kubectl(['--namespace', NAMESPACE, 'get', 'pod', name, '--output=json']));
  }

  [Symbol.dispose](): void {
    kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', READY]);
  }
}

const hostOf = (name: string): string => `${name}.${NAMESPACE}.svc`;

const redisConfig = (secret: string): string =>
  [
    'port 0',
    'tls-port 6379',
    'tls-cert-file /tls/tls.crt',
    'tls-key-file /tls/tls.key',
    'tls-auth-clients no',
    'dir /data',
    'appendonly yes',
    'appendfsync always',
    'save ""',
    'maxmemory 256mb',
    'maxmemory-policy noeviction',
    'user default off',
    // The file contains the hash of the password, because it cannot contain a password with spaces.
    `user ${USER} on #${createHash('sha256').update(secret).digest('hex')} ~hf* &hf* +@all -@admin -@dangerous +info`,
    '',
  ].join('\n');

const users = (secret: string): string =>
  [
    'CREATE DATABASE IF NOT EXISTS holdfast CHARACTER SET utf8mb4;',
    `CREATE USER IF NOT EXISTS '${USER}'@'%' IDENTIFIED BY '${secret}';`,
    `GRANT ${PRIVILEGES} ON holdfast.* TO '${USER}'@'%';`,
    '',
  ].join('\n');

const secretOf = (name: string, tls: Authority, files: Readonly<Record<string, string>>): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  stringData: { 'tls.crt': tls.certificate, 'tls.key': tls.key, ...files },
});

const serviceOf = (name: string, store: string, port: number): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: store }, ports: [{ port }] },
});

interface StorePod {
  name: string;
  port: number;
  container: object;
  /** The folders that the store writes to. */
  folders: readonly string[];
}

/** A pod under the restricted profile, which keeps its data and its address when its process is killed. */
const podOf = ({ name, port, container, folders }: StorePod): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 10,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 10001,
      runAsGroup: 10001,
      fsGroup: 10001,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name,
        imagePullPolicy: 'IfNotPresent',
        ports: [{ containerPort: port }],
        readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
        resources: { requests: { cpu: '100m', memory: '512Mi' }, limits: { memory: '1Gi' } },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        volumeMounts: [
          { name: 'tls', mountPath: '/tls', readOnly: true },
          ...folders.map((mountPath, index) => ({ name: `data-${index}`, mountPath })),
        ],
        ...container,
      },
    ],
    volumes: [
      { name: 'tls', secret: { secretName: name } },
      ...folders.map((_, index) => ({ name: `data-${index}`, emptyDir: {} })),
    ],
  },
});

const redisPod = (): object =>
  podOf({
    name: 'redis',
    port: 6379,
    folders: ['/data'],
    container: { image: 'redis:7.4-bookworm', command: ['redis-server', '/tls/redis.conf'] },
  });

const mysqlPod = (): object =>
  podOf({
    name: 'mysql',
    port: 3306,
    folders: ['/var/lib/mysql', '/run/mysqld'],
    container: {
      image: 'mariadb:10.11',
      args: [
        ...['--ssl-cert=/tls/tls.crt', '--ssl-key=/tls/tls.key', '--require-secure-transport=ON'],
        ...['--innodb-flush-log-at-trx-commit=1', '--log-bin=binlog', '--sync-binlog=1', '--max-connections=400'],
        ...['--innodb-buffer-pool-size=256M', '--character-set-server=utf8mb4', '--init-file=/tls/init.sql'],
      ],
      // The image's entrypoint requires a user. The user of the service is created by init.sql.
      env: [
        { name: 'MARIADB_DATABASE', value: 'holdfast' },
        { name: 'MARIADB_USER', value: 'nobody' },
        { name: 'MARIADB_PASSWORD', value: randomBytes(12).toString('hex') },
        { name: 'MARIADB_RANDOM_ROOT_PASSWORD', value: 'yes' },
      ],
    },
  });
