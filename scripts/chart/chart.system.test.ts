import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SETTINGS } from '../../app/config/config-settings.ts';
import { findTool } from '../../devstack/install/go-tools.mjs';
import { type Manifest, manifestsOf, render, renderText, SECRETS } from './render.mjs';
import { REPLACED_SECONDS_MAX, replacedWithin, toleratedFor } from './replacement.mjs';
import { withValuesTable } from './values-table.mjs';

const chartFile = (path: string) => readFileSync(new URL(`../../charts/holdfast/${path}`, import.meta.url), 'utf8');

describe('The documents of the chart', () => {
  it('include a README that lists every value with its default and meaning', () => {
    const page = chartFile('README.md');
    expect(withValuesTable(page), 'run: node scripts/chart/values-table.mjs --write').toBe(page);
  });

  it('include a schema that accepts exactly the settings that the chart does not set itself', () => {
    const own = [
      'ROLE',
      'HOST',
      'PORT',
      'ADMIN_PORT',
      'SHARDS',
      'SEARCH',
      'PRE_STOP_DELAY_MS',
      'SHUTDOWN_GRACE_MS',
      'MYSQL_COMMAND_WAIT_MS',
    ];
    const jwt = ['JWT_ISSUER', 'JWT_AUDIENCE', 'JWT_JWKS_FILE', 'JWT_JWKS_URL'];
    const given = ['BOOTSTRAP_API_KEY', 'API_KEYS_FILE', 'AUDIT_SIGNING_KEY_FILE', 'WEBHOOK_SECRET_KEYS'];
    const secret = ['REDIS_URL', 'MYSQL_URL', 'SEARCH_MYSQL_URL', ...given, ...jwt];
    const all = Object.values(SETTINGS).flatMap((group) => Object.values(group).map(({ variable }) => variable));
    const taken: string[] = JSON.parse(chartFile('values.schema.json')).properties.config.propertyNames.enum;
    expect(taken.toSorted()).toEqual(all.filter((name) => ![...own, ...secret].includes(name)).toSorted());
  });
});

// If neither Go nor Helm is installed, scripts/checks/chart.mjs reports that.
describe.skipIf(findTool('helm') === null)('The chart', () => {
  const minimal = SECRETS.default;
  const found = (values: object, key: string, options?: Parameters<typeof render>[1]) => {
    const manifest = render(values, options).get(key);
    if (!manifest) throw new Error(`${key} is missing`);
    return manifest;
  };
  const containerOf = (manifest: Manifest) => manifest['spec'].template.spec.containers[0];
  const refused = (values: object): string => {
    try {
      renderText(values);
    } catch (error) {
      return String(error);
    }
    throw new Error('it was rendered');
  };

  it('needs two addresses and nothing else; both go into a Secret, and nowhere else', () => {
    const objects = render({ ...minimal, bootstrapApiKey: 'k'.repeat(24) });
    expect(objects.get('Secret/holdfast')?.['stringData']).toEqual({
      REDIS_URL: minimal.redisUrl,
      MYSQL_URL: minimal.mysqlUrl,
      BOOTSTRAP_API_KEY: 'k'.repeat(24),
    });
    const others = [...objects].filter(([key]) => !key.startsWith('Secret/'));
    const text = JSON.stringify(others);
    expect(text).not.toContain('password');
    expect(text).not.toContain('kkkk');
    expect([...objects.keys()]).toEqual(
      expect.arrayContaining(['Deployment/holdfast-api', 'Deployment/holdfast-keeper', 'Job/holdfast-migration']),
    );
  });

  it('gives every process the number of shards, and the URLs of all of them', () => {
    const mysqlUrl = ['mysql://u:p@a/x', 'mysql://u:p@b/x'];
    const objects = render({ redisUrl: 'redis://cache-{shard}', mysqlUrl, shards: 2 });
    expect(objects.get('Secret/holdfast')?.['stringData']).toEqual({
      REDIS_URL: 'redis://cache-{shard}',
      MYSQL_URL: 'mysql://u:p@a/x mysql://u:p@b/x',
    });
    expect(objects.get('Secret/holdfast-migration')?.['stringData']).toEqual({ MYSQL_URL: mysqlUrl.join(' ') });
    expect(objects.get('ConfigMap/holdfast')?.['data'].SHARDS).toBe('2');
    const job = objects.get('Job/holdfast-migration');
    const test = objects.get('Pod/holdfast-test');
    for (const { env } of [job?.['spec'].template.spec.containers[0], test?.['spec'].containers[0]])
      expect(env).toContainEqual({ name: 'SHARDS', value: '2' });
  });

  it('gives every shard a database of its own on the MySQL for development', () => {
    const objects = render({ ...SECRETS.dev, shards: 2 }, { files: ['values-dev.yaml'] });
    expect(objects.get('ConfigMap/holdfast-mysql')?.['data']['shards.sql'].trim().split('\n')).toEqual([
      'CREATE DATABASE holdfast_0;',
      'CREATE DATABASE holdfast_1;',
      "GRANT ALL ON `holdfast\\_%`.* TO 'holdfast'@'%';",
    ]);
    const url = containerOf(objects.get('Deployment/holdfast-api') ?? {}).env.find(
      ({ name }: { name: string }) => name === 'MYSQL_URL',
    );
    expect(url.value).toMatch(/\/holdfast_\{shard\}$/);
    const before = render(SECRETS.dev, { files: ['values-dev.yaml'] });
    expect(before.has('ConfigMap/holdfast-mysql')).toBe(false);
  });

  it('runs the search index only if enabled, and gives its database URL only to the processes that use it', () => {
    const off = render(minimal);
    expect([...off.keys()].filter((key) => key.includes('search'))).toEqual([]);
    expect(off.get('ConfigMap/holdfast')?.['data']).not.toHaveProperty('SEARCH');
    const mysqlUrl = 'mysql://u:p@index/x';
    const on = render({ ...minimal, search: { enabled: true, mysqlUrl }, networkPolicy: { enabled: true } });
    expect([...on.keys()]).toEqual(
      expect.arrayContaining([
        ...['Deployment/holdfast-search', 'Service/holdfast-search', 'PodDisruptionBudget/holdfast-search'],
        'NetworkPolicy/holdfast-search',
      ]),
    );
    expect(on.get('ConfigMap/holdfast')?.['data'].SEARCH).toBe('on');
    for (const secret of ['holdfast', 'holdfast-migration'])
      expect(on.get(`Secret/${secret}`)?.['stringData']).toMatchObject({ SEARCH_MYSQL_URL: mysqlUrl });
    const names = (key: string) => containerOf(on.get(key) ?? {}).env.map(({ name }: { name: string }) => name);
    for (const key of ['Deployment/holdfast-api', 'Deployment/holdfast-search', 'Job/holdfast-migration'])
      expect(names(key)).toContain('SEARCH_MYSQL_URL');
    expect(names('Deployment/holdfast-keeper')).not.toContain('SEARCH_MYSQL_URL');
    expect(containerOf(on.get('Deployment/holdfast-search') ?? {}).args).toEqual(['search']);
    expect(refused({ ...minimal, search: { enabled: true, mysqlUrl: 'redis://x' } })).toContain('search.mysqlUrl');
  });

  it('uses an existing Secret, and in that case creates none', () => {
    const objects = render({ existingSecret: 'mine' });
    expect([...objects.keys()].filter((key) => key.startsWith('Secret/'))).toEqual([]);
    for (const part of ['api', 'keeper'])
      expect(containerOf(found({ existingSecret: 'mine' }, `Deployment/holdfast-${part}`)).env).toContainEqual({
        name: 'MYSQL_URL',
        valueFrom: { secretKeyRef: { name: 'mine', key: 'MYSQL_URL' } },
      });
  });

  it.each([
    [{}, 'redisUrl is missing'],
    [{ ...minimal, redisUrl: 'http://redis' }, 'redisUrl must be like redis://'],
    [{ ...minimal, mysqlUrl: 'mysql://secret-password@host' }, 'mysqlUrl must be like mysql://'],
    [{ ...minimal, existingSecret: 'mine' }, 'or existingSecret, not both'],
    [{ ...minimal, config: { SHARDS: '3' } }, "invalid propertyName 'SHARDS'"],
    [{ ...minimal, shards: 0 }, "at '/shards'"],
    [{ ...minimal, shards: '3' }, "at '/shards'"],
    [{ ...minimal, shards: 3 }, 'mysqlUrl must name a different database for each shard'],
    [
      { ...minimal, shards: 2, mysqlUrl: ['mysql://a:secret-password@b/c', 'mysql://a:secret-password@b/c'] },
      'mysqlUrl must name a different database for each shard',
    ],
    [
      { ...minimal, shards: 3, redisUrl: ['redis://a', 'redis://b'] },
      'redisUrl must have as many URLs as there are shards',
    ],
    [{ ...minimal, shards: 2, redisUrl: ['redis://a', 'secret-password'] }, 'redisUrl must be like redis://'],
    [{ ...minimal, bootstrapApiKey: 'short-secret' }, 'bootstrapApiKey must have at least 24 characters'],
    [{ ...minimal, api: { replica: 3 } }, "'replica' not allowed"],
    [{ ...minimal, image: { tag: 'latest' } }, "at '/image/tag'"],
    [{ ...minimal, config: { REQUEST_TIMEOUT: '5' } }, "invalid propertyName 'REQUEST_TIMEOUT'"],
    [{ ...minimal, config: { REQUEST_TIMEOUT_MS: 5000 } }, 'got number, want string'],
    [{ ...minimal, config: { MYSQL_URL: 'x' } }, "invalid propertyName 'MYSQL_URL'"],
    [{ ...minimal, config: { REQUEST_TIMEOUT_MS: '20000' } }, 'graceSeconds must be at least 33'],
    [{ ...minimal, shutdown: { preStopDelaySeconds: 20 } }, 'graceSeconds must be at least 37'],
    [{ ...minimal, autoscaling: { minReplicas: 20 } }, 'minReplicas must not exceed maxReplicas'],
    [{ ...minimal, autoscaling: { targetCpuPercent: 0 } }, 'requires targetCpuPercent or targetTransfersPerSecond'],
    [{ ...minimal, jwt: { issuer: 'https://issuer' } }, "at '/jwt/audience'"],
    [{ ...minimal, jwt: { jwksUrl: 'http://issuer/keys' } }, "at '/jwt/jwksUrl'"],
    [{ ...minimal, monitoring: { interval: '60s' } }, "at '/monitoring/interval'"],
    [{ ...minimal, development: { redis: { enabled: true } } }, 'development.redis.password is missing'],
    [{ ...minimal, ingress: { enabled: true } }, 'ingress.hosts is empty'],
    [{ ...minimal, httpRoute: { enabled: true } }, 'httpRoute.parentRefs is empty'],
  ])('rejects %j and gives the reason, without repeating a secret', (values, why) => {
    const said = refused(values);
    expect(said).toContain(why);
    expect(said).not.toMatch(/secret-password|short-secret/);
  });

  it('gives a pod its delay, its grace period and probes that check only the process', () => {
    const shutdown = { preStopDelaySeconds: 8, graceSeconds: 40 };
    const { spec } = found({ ...minimal, shutdown }, 'Deployment/holdfast-api')['spec'].template;
    expect(spec.terminationGracePeriodSeconds).toBe(45);
    expect(found({ ...minimal, shutdown }, 'ConfigMap/holdfast')['data']).toEqual({
      ADMIN_PORT: '9090',
      PRE_STOP_DELAY_MS: '8000',
      SHUTDOWN_GRACE_MS: '40000',
    });
    const [container] = spec.containers;
    expect([container.startupProbe, container.livenessProbe].map(({ httpGet }) => httpGet.path)).toEqual([
      '/livez',
      '/livez',
    ]);
    const { periodSeconds, failureThreshold, timeoutSeconds } = container.readinessProbe;
    // docs/operation.md, "Rolling updates": with the defaults, unreadiness must be detected within the delay, with
    // three seconds to spare.
    expect(periodSeconds * failureThreshold + timeoutSeconds + 3).toBeLessThanOrEqual(6);
  });

  it.each(['api', 'keeper'])(
    'replaces a hung %s within 30 s, but not one that is blocked for a few seconds',
    (part) => {
      // The long grace period is for a pod that shuts down normally; a hung one does not get it.
      const container = containerOf(
        found({ ...minimal, shutdown: { graceSeconds: 120 } }, `Deployment/holdfast-${part}`),
      );
      // The startup probe may take longer: a process that has not started yet serves nobody, and is probably slow
      // rather than hung.
      const sums = [replacedWithin(container, 'livenessProbe'), replacedWithin(container, 'startupProbe')];
      expect(sums).toEqual([28, 71]);
      expect(sums[0]).toBeLessThanOrEqual(REPLACED_SECONDS_MAX);
      expect(toleratedFor(container.livenessProbe)).toBe(16);
      const page = chartFile('README.md');
      expect(page).toContain(`| **${sums[0]} s** |`);
      expect(page).toContain(`3 s: ${sums[1]} s.`);
    },
  );

  it('runs deliverers of webhooks only if enabled, and lets only them reach the internet', () => {
    expect([...render(minimal).keys()].filter((key) => key.includes('webhooks'))).toEqual([]);
    const secretKeys = Buffer.alloc(32, 1).toString('base64');
    const objects = render({ ...minimal, webhooks: { enabled: true, secretKeys } });
    const own = [...objects.keys()].filter((key) => key.includes('webhooks'));
    expect(own.toSorted()).toEqual(
      ['Deployment', 'NetworkPolicy', 'PodDisruptionBudget', 'Service'].map((kind) => `${kind}/holdfast-webhooks`),
    );
    const holders = ['api', 'webhooks', 'keeper'].filter((part) =>
      JSON.stringify(objects.get(`Deployment/holdfast-${part}`)).includes('WEBHOOK_SECRET_KEYS'),
    );
    expect(holders).toEqual(['api', 'webhooks']);
    const visible = [...objects].filter(([key]) => key !== 'Secret/holdfast');
    expect(JSON.stringify(visible)).not.toContain(secretKeys);
    const portsOf = (part: string) =>
      objects
        .get(`NetworkPolicy/holdfast-${part}`)
        ?.['spec'].egress.flatMap(({ ports }: Manifest) => ports.map(({ port }: Manifest) => port));
    expect(portsOf('webhooks')).toEqual([53, 53, 443, 3306]);
    expect(portsOf('api')).not.toContain(443);
    expect(refused({ ...minimal, webhooks: { enabled: true } })).toContain('webhooks.secretKeys is missing');
    const wrong = 'a-wrong-key';
    const message = refused({ ...minimal, webhooks: { enabled: true, secretKeys: wrong } });
    expect(message).toContain('webhooks.secretKeys must be');
    expect(message).not.toContain(wrong);
  });

  it('links every alert to its section of the runbook if there is a URL, and never adds a broken link', () => {
    const annotationsOf = (monitoring: object): Record<string, string>[] =>
      found({ ...minimal, monitoring: { prometheusRule: true, ...monitoring } }, 'PrometheusRule/holdfast')[
        'spec'
      ].groups.flatMap(({ rules }: Manifest) => rules.flatMap(({ annotations }: Manifest) => annotations ?? []));
    const headings = [
      ...readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8').matchAll(/^## (\w+)$/gm),
    ];
    const anchors = headings.map(([, name = '']) => name.toLowerCase());
    const runbookUrl = 'https://git.example/holdfast/blob/v0.1.0/docs/runbook.md';
    const linked = annotationsOf({ runbookUrl });
    expect(linked.length).toBe(anchors.length);
    for (const { runbook, runbook_url: url } of linked) {
      expect(runbook).toBeUndefined();
      const [page, anchor = ''] = String(url).split('#');
      expect(page).toBe(runbookUrl);
      expect(anchors).toContain(anchor);
    }
    for (const { runbook, runbook_url: url } of annotationsOf({})) {
      expect(runbook).toMatch(/^docs\/runbook\.md#\w+$/);
      expect(url).toBeUndefined();
    }
    expect(refused({ ...minimal, monitoring: { runbookUrl: 'docs/runbook.md' } })).toContain(
      "at '/monitoring/runbookUrl'",
    );
  });

  it('starts new pods before removing old ones, and rolls out changed settings', () => {
    const hashes = [{}, { config: { LOG_LEVEL: 'warn' } }].map((more) => {
      const { spec } = found({ ...minimal, ...more }, 'Deployment/holdfast-api');
      expect(spec.strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: 1 });
      return spec.template.metadata.annotations['holdfast/settings'];
    });
    expect(new Set(hashes).size).toBe(2);
  });

  it('gives every pod the restricted profile, a read-only file system and resource requests', () => {
    const objects = render(SECRETS.dev, { files: ['values-dev.yaml'] });
    const pods = [...objects.values()]
      .map(({ kind, spec }) => (kind === 'Pod' ? spec : spec?.template?.spec))
      .filter(Boolean);
    expect(pods.length).toBe(6);
    for (const pod of pods) {
      expect(pod.automountServiceAccountToken).toBe(false);
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      for (const { securityContext, resources } of pod.containers) {
        expect(securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        for (const amount of ['cpu', 'memory', 'ephemeral-storage']) expect(resources.requests[amount]).toBeDefined();
        expect(resources.limits.memory).toBeDefined();
      }
    }
  });

  it('scales by CPU and by transfers, through the adapter or KEDA, or not at all', () => {
    const scaled = (autoscaling: object) => render({ ...minimal, autoscaling: { ...autoscaling } });
    const both = scaled({ kind: 'hpa', targetTransfersPerSecond: 4000 });
    const { spec } = both.get('HorizontalPodAutoscaler/holdfast-api') ?? {};
    expect(spec.metrics.map((metric: { type: string }) => metric.type)).toEqual(['Resource', 'Pods']);
    expect(spec.metrics[1].pods.target).toEqual({ type: 'AverageValue', averageValue: '4000' });
    expect(spec.behavior.scaleUp.stabilizationWindowSeconds).toBe(0);
    expect(spec.behavior.scaleDown.stabilizationWindowSeconds).toBeGreaterThanOrEqual(300);
    expect(both.get('Deployment/holdfast-api')?.['spec'].replicas).toBeUndefined();

    const keda = scaled({ kind: 'keda', targetTransfersPerSecond: 4000 });
    expect(keda.has('HorizontalPodAutoscaler/holdfast-api')).toBe(false);
    const triggers = keda.get('ScaledObject/holdfast-api')?.['spec'].triggers;
    expect(triggers.map((trigger: { type: string }) => trigger.type)).toEqual(['cpu', 'prometheus']);
    expect(triggers[1].metadata).toMatchObject({
      threshold: '4000',
      query: 'sum(rate(holdfast_transfers_total{namespace="bank", pod=~"holdfast-api-.+"}[1m]))',
    });

    const none = render({ ...minimal, autoscaling: { kind: 'none' }, api: { replicas: 5 } });
    expect([...none.keys()].some((key) => /Autoscaler|Scaled/.test(key))).toBe(false);
    expect(none.get('Deployment/holdfast-api')?.['spec'].replicas).toBe(5);
  });

  it('lets pods connect to Redis, MySQL and DNS, and to nothing else', () => {
    const to = [{ ipBlock: { cidr: '10.0.0.0/24' } }];
    const policy = (values: object) => found({ ...minimal, ...values }, 'NetworkPolicy/holdfast-api')['spec'];
    const ports = (rules: { ports: { port: number }[] }[]) =>
      rules.flatMap((rule) => rule.ports.map(({ port }) => port));
    expect(ports(policy({}).egress)).toEqual([53, 53, 6379, 3306]);
    const narrow = policy({ networkPolicy: { redis: { to, ports: [6380] }, clients: to } });
    expect(narrow.egress[1]).toEqual({ ports: [{ port: 6380, protocol: 'TCP' }], to });
    expect(narrow.ingress[0].from).toContainEqual(to[0]);
    const traced = policy({ config: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' } });
    expect(ports(traced.egress)).toContain(4318);
  });

  it('migrates before everything else, with a separate Secret that is deleted afterwards', () => {
    const objects = render(minimal);
    const weights = ['Secret/holdfast-migration', 'NetworkPolicy/holdfast-migration', 'Job/holdfast-migration'].map(
      (key) => {
        const annotations = objects.get(key)?.['metadata'].annotations;
        expect(annotations['helm.sh/hook']).toBe('pre-install,pre-upgrade');
        expect(annotations['helm.sh/hook-delete-policy']).toContain('before-hook-creation');
        return Number(annotations['helm.sh/hook-weight']);
      },
    );
    expect(weights).toEqual([-10, -10, 0]);
    const own = found({ ...minimal, migration: { existingSecret: 'ddl' } }, 'Job/holdfast-migration');
    expect(JSON.stringify(containerOf(own).env)).toContain('"name":"ddl"');
    // The development MySQL does not exist before the install.
    const dev = found(SECRETS.dev, 'Job/holdfast-migration-1', { files: ['values-dev.yaml'] });
    expect(JSON.stringify(dev['metadata'].annotations)).not.toContain('helm.sh/hook');
  });

  it('keeps API pods away from Redis, and keepers away from each other', () => {
    const away = { matchLabels: { app: 'redis' }, required: true };
    const api = found({ ...minimal, api: { awayFromRedis: away } }, 'Deployment/holdfast-api');
    expect(api['spec'].template.spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution).toEqual([
      { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'redis' } } },
    ]);
    const { affinity } = found({ ...minimal, keeper: { antiAffinity: 'hard' } }, 'Deployment/holdfast-keeper')['spec']
      .template.spec;
    expect(affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution).toHaveLength(1);
  });

  it('scrapes pods and keepers under one release, and includes the alerts and the dashboard unchanged', () => {
    const objects = render(SECRETS.production, { files: ['values-production.yaml'] });
    const monitor = objects.get('ServiceMonitor/holdfast')?.['spec'];
    const selected = [...objects.values()].filter(
      ({ kind, metadata }) =>
        kind === 'Service' &&
        Object.entries(monitor.selector.matchLabels).every(([name, value]) => metadata.labels[name] === value),
    );
    expect(selected.map(({ metadata }) => metadata.name).toSorted()).toEqual([
      'holdfast-api-metrics',
      'holdfast-keeper',
    ]);
    expect(monitor.endpoints[0].relabelings).toEqual([{ targetLabel: 'release', replacement: 'holdfast' }]);
    const [alerts] = manifestsOf(chartFile('files/alerts.yaml'));
    expect(objects.get('PrometheusRule/holdfast')?.['spec']).toEqual(alerts);
    const dashboard = objects.get('ConfigMap/holdfast-dashboard')?.['data']['holdfast.json'];
    expect(JSON.parse(dashboard)).toEqual(JSON.parse(chartFile('files/dashboard.json')));
  });

  it('mounts a CA and the JWT keys where the process expects them', () => {
    const values = {
      caBundle: { configMap: 'ca' },
      jwt: { issuer: 'https://i', audience: 'a', jwksConfigMap: 'keys' },
    };
    const { spec } = found({ ...minimal, ...values }, 'Deployment/holdfast-api')['spec'].template;
    expect(spec.volumes.map(({ name }: { name: string }) => name)).toEqual(['ca', 'jwks']);
    const [{ env, volumeMounts }] = spec.containers;
    expect(env).toContainEqual({ name: 'NODE_EXTRA_CA_CERTS', value: '/etc/holdfast/ca/ca.crt' });
    expect(volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath)).toEqual([
      '/etc/holdfast/ca',
      '/etc/holdfast/jwks',
    ]);
    expect(found({ ...minimal, ...values }, 'ConfigMap/holdfast')['data'].JWT_JWKS_FILE).toBe(
      '/etc/holdfast/jwks/jwks.json',
    );
    expect(found({ ...minimal, ...values }, 'Job/holdfast-migration')['spec'].template.spec.volumes).toHaveLength(1);
  });

  it('mounts the API keys of a Secret in API pods, and in no others', () => {
    const values = { ...minimal, apiKeys: { existingSecret: 'first-keys' } };
    const podOf = (name: string) => found(values, `Deployment/holdfast-${name}`)['spec'].template.spec;
    expect(podOf('api').volumes).toEqual([{ name: 'api-keys', secret: { secretName: 'first-keys' } }]);
    expect(podOf('api').containers[0].volumeMounts).toEqual([
      { name: 'api-keys', mountPath: '/etc/holdfast/api-keys', readOnly: true },
    ]);
    expect(podOf('keeper').volumes).toBeUndefined();
    expect(podOf('keeper').containers[0].volumeMounts).toBeUndefined();
    expect(found(values, 'ConfigMap/holdfast')['data'].API_KEYS_FILE).toBe('/etc/holdfast/api-keys/api-keys.json');
  });

  it('mounts the key that signs anchors in keepers, and in no others', () => {
    const values = { ...minimal, auditKey: { existingSecret: 'audit' } };
    const podOf = (name: string) => found(values, `Deployment/holdfast-${name}`)['spec'].template.spec;
    expect(podOf('keeper').volumes).toEqual([{ name: 'audit-key', secret: { secretName: 'audit' } }]);
    expect(podOf('keeper').containers[0].volumeMounts).toEqual([
      { name: 'audit-key', mountPath: '/etc/holdfast/audit-key', readOnly: true },
    ]);
    expect(podOf('api').volumes).toBeUndefined();
    expect(found(values, 'ConfigMap/holdfast')['data'].AUDIT_SIGNING_KEY_FILE).toBe(
      '/etc/holdfast/audit-key/audit.key',
    );
  });

  it('lets keepers, and no others, reach the receiver of anchors if there is one', () => {
    const ports = (config: object, part: string): number[] =>
      found({ ...minimal, config, networkPolicy: { anchors: { ports: [8443] } } }, `NetworkPolicy/holdfast-${part}`)[
        'spec'
      ].egress.flatMap((rule: { ports: { port: number }[] }) => rule.ports.map(({ port }) => port));
    const config = { AUDIT_ANCHOR_URL: 'https://auditor.example:8443/anchors' };
    expect(ports(config, 'keeper')).toContain(8443);
    expect(ports(config, 'api')).not.toContain(8443);
    expect(ports({}, 'keeper')).not.toContain(8443);
  });

  it('lets API pods, and no others, reach the JWT issuer when they fetch its keys', () => {
    const ports = (jwt: object, part: string): number[] =>
      found({ ...minimal, jwt }, `NetworkPolicy/holdfast-${part}`)['spec'].egress.flatMap(
        (rule: { ports: { port: number }[] }) => rule.ports.map(({ port }) => port),
      );
    const names = { issuer: 'https://i', audience: 'a' };
    for (const jwt of [names, { ...names, jwksUrl: 'https://i/keys' }]) {
      expect(ports(jwt, 'api')).toContain(443);
      expect(ports(jwt, 'keeper')).not.toContain(443);
    }
    for (const jwt of [{}, { ...names, jwksConfigMap: 'keys' }]) expect(ports(jwt, 'api')).not.toContain(443);
    const { data } = found({ ...minimal, jwt: { ...names, jwksUrl: 'https://i/keys' } }, 'ConfigMap/holdfast');
    expect(data).toMatchObject({ JWT_ISSUER: 'https://i', JWT_JWKS_URL: 'https://i/keys' });
    expect(data).not.toHaveProperty('JWT_JWKS_FILE');
  });

  it('routes clients through an Ingress or an HTTPRoute, if enabled', () => {
    const ingress = { enabled: true, hosts: ['ledger.example'], tlsSecret: 'tls' };
    const httpRoute = { enabled: true, parentRefs: [{ name: 'gateway' }], hostnames: ['ledger.example'] };
    const objects = render({ ...minimal, ingress, httpRoute });
    expect(objects.get('Ingress/holdfast')?.['spec'].rules[0].http.paths[0].backend.service).toEqual({
      name: 'holdfast',
      port: { name: 'http' },
    });
    expect(objects.get('HTTPRoute/holdfast')?.['spec'].rules[0].backendRefs).toEqual([{ name: 'holdfast', port: 80 }]);
  });
});
