import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../app/config/config.ts';
import { configOfShard } from '../../app/config/shard-config.ts';
import { findTool, runTool } from '../../devstack/install/go-tools.mjs';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { CHART, EXAMPLES, type Manifest, manifestsOf, render } from './render.mjs';

const textOf = (path: string) => readFileSync(join(CHART, 'examples', path), 'utf8');
const SECRET = { existingSecret: 'holdfast' };
const KEYS = ['REDIS_URL', 'MYSQL_URL', 'BOOTSTRAP_API_KEY'];

/** A Go template as External Secrets runs it: with sprig, and the members of the secrets as its data. */
function goTemplate(template: string, data: Record<string, string>): string {
  const chart = temporaryFolder();
  mkdirSync(join(chart, 'templates'));
  writeFileSync(join(chart, 'Chart.yaml'), 'apiVersion: v2\nname: probe\nversion: 0.0.0\n');
  const run =
    '{{ range list .Values.data }}result: {{ tpl $.Values.template (merge (dict "Template" $.Template) .) | quote }}{{ end }}';
  writeFileSync(join(chart, 'templates', 'probe.yaml'), run);
  const args = ['template', 'probe', chart, '--values', '-'];
  const { ok, stdout, stderr } = runTool('helm', args, { input: JSON.stringify({ template, data }) });
  if (!ok) throw new Error(stderr);
  return parse(stdout).result;
}

// If neither Go nor Helm is installed, scripts/checks/chart.mjs reports that.
describe.skipIf(findTool('helm') === null)('The examples', () => {
  it('are all rendered by the checks', () => {
    const files = readdirSync(join(CHART, 'examples'), { recursive: true, encoding: 'utf8' });
    const values = files.filter((file) => /values.*\.yaml$/.test(file)).map((file) => `examples/${file}`);
    expect(values.length).toBeGreaterThan(0);
    expect(values.filter((file) => !Object.values(EXAMPLES).flat().includes(file))).toEqual([]);
  });

  it.each(['AWS, External Secrets', 'AWS, CSI driver', 'Alibaba Cloud'])(
    '%s: the pods get the Secret and the CA, and can reach the stores and nothing else',
    (name) => {
      const objects = render({}, { files: EXAMPLES[name] ?? [] });
      expect([...objects.keys()].filter((key) => key.startsWith('Secret/'))).toEqual([]);
      for (const key of ['Deployment/holdfast-api', 'Deployment/holdfast-keeper', 'Job/holdfast-migration']) {
        const pod = objects.get(key)?.['spec'].template.spec;
        const [container] = pod.containers;
        expect(container.env, key).toContainEqual({
          name: 'MYSQL_URL',
          valueFrom: { secretKeyRef: { name: 'holdfast', key: 'MYSQL_URL' } },
        });
        expect(container.env).toContainEqual({ name: 'NODE_EXTRA_CA_CERTS', value: '/etc/holdfast/ca/ca.crt' });
        expect(pod.affinity?.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution ?? []).toHaveLength(
          key.endsWith('keeper') ? 1 : 0,
        );
      }
      const { egress } = objects.get('NetworkPolicy/holdfast-api')?.['spec'] ?? {};
      expect(egress.slice(1).map(({ ports, to }: Manifest) => [ports[0].port, to.length])).toEqual([
        [6379, 1],
        [3306, 1],
      ]);
      const { data } = objects.get('ConfigMap/holdfast') ?? {};
      const urls = { REDIS_URL: 'rediss://redis', MYSQL_URL: 'mysql://user@mysql/holdfast' };
      expect(() => loadConfig({ ...data, ...urls, ROLE: 'api' })).not.toThrow();
    },
  );

  it.each([
    ['three servers, three shards', 3, 3],
    ['Redis Cluster, six shards', 6, 1],
    ['Sentinels, two shards', 2, 1],
  ])(
    '%s: the URLs in the comment are valid, and the policies let the pods reach every store',
    (name, shards, servers) => {
      const files = EXAMPLES[name] ?? [];
      const objects = render({}, { files });
      const comment = textOf(files.at(-1)?.replace('examples/', '') ?? '');
      const urls = Object.fromEntries(
        [...comment.matchAll(/--from-literal=(\w+_URL)='([^']+)'/g)].map(([, k, v]) => [k, v]),
      );
      const { data } = objects.get('ConfigMap/holdfast') ?? {};
      const config = loadConfig({ ...data, ...urls, ROLE: 'api' });
      expect(config.ledger.shards).toBe(shards);
      const hosts = Array.from({ length: shards }, (_, shard) => new URL(configOfShard(config, shard).mysql.url).host);
      expect(new Set(hosts).size).toBe(servers);
      const { egress } = objects.get('NetworkPolicy/holdfast-keeper')?.['spec'] ?? {};
      const open = egress.slice(1).flatMap(({ ports }: Manifest) => ports.map(({ port }: Manifest) => port));
      expect(open).toEqual(name.startsWith('Sentinel') ? [6379, 26379, 3306] : [6379, 3306]);
      expect(files.at(-1)).toMatch(/\/shards\//);
    },
  );

  it('mount the SecretProviderClass in every pod that needs the Secret, beginning with the migration', () => {
    const objects = render({}, { files: EXAMPLES['AWS, CSI driver'] ?? [] });
    const manifests = manifestsOf(textOf('aws/secret-provider-class.yaml'));
    const provider = manifests.find(({ kind }) => kind === 'SecretProviderClass');
    const account = manifests.find(({ kind }) => kind === 'ServiceAccount');
    expect(objects.has('ServiceAccount/holdfast')).toBe(false);
    for (const key of ['Deployment/holdfast-api', 'Deployment/holdfast-keeper', 'Job/holdfast-migration']) {
      const pod = objects.get(key)?.['spec'].template.spec;
      expect(pod.serviceAccountName, key).toBe(account?.['metadata'].name);
      expect(pod.volumes).toContainEqual({
        name: 'secrets',
        csi: {
          driver: 'secrets-store.csi.k8s.io',
          readOnly: true,
          volumeAttributes: { secretProviderClass: provider?.['metadata'].name },
        },
      });
      expect(pod.containers[0].volumeMounts).toContainEqual({
        name: 'secrets',
        mountPath: '/etc/holdfast/secrets',
        readOnly: true,
      });
    }
    const [synced] = provider?.['spec'].secretObjects ?? [];
    expect(synced.secretName).toBe(SECRET.existingSecret);
    expect(synced.data.map(({ key }: { key: string }) => key)).toEqual(KEYS);
    const aliases = parse(provider?.['spec'].parameters.objects)[0].jmesPath.map(
      ({ objectAlias }: { objectAlias: string }) => objectAlias,
    );
    expect(aliases).toEqual(KEYS);
    expect(() => render({ ...SECRET, existingSecret: '', secretProviderClass: 'holdfast' })).toThrow(
      'secretProviderClass requires existingSecret',
    );
  });

  it.each(['aws', 'alibaba'])('of %s compose URLs with TLS from any password', (folder) => {
    const manifests = manifestsOf(textOf(`${folder}/external-secrets.yaml`));
    const external = manifests.find(({ kind }) => kind === 'ExternalSecret');
    const store = manifests.find(({ kind }) => kind === 'SecretStore');
    expect(external?.['spec'].secretStoreRef.name).toBe(store?.['metadata'].name);
    expect(external?.['spec'].target.name).toBe(SECRET.existingSecret);
    const templates: Record<string, string> = external?.['spec'].target.template.data;
    expect(Object.keys(templates)).toEqual(KEYS);
    const password = `a:b/c@d?e#f%g h+i&j"k'l`;
    const secret = {
      ...{ username: 'holdfast', password, mysqlUser: 'holdfast', mysqlPassword: password },
      ...{ redisPassword: password, apiKey: 'k'.repeat(48) },
    };
    const [redisUrl = '', mysqlUrl = '', apiKey] = Object.values(templates).map((text) => goTemplate(text, secret));
    expect(apiKey).toBe(secret.apiKey);
    const redis = new URL(redisUrl);
    expect([redis.protocol, decodeURIComponent(redis.password)]).toEqual(['rediss:', password]);
    const mysql = new URL(mysqlUrl);
    expect(decodeURIComponent(mysql.password)).toBe(password);
    expect(JSON.parse(mysql.searchParams.get('ssl') ?? '')).toEqual({ verifyIdentity: true });
    expect(() => loadConfig({ REDIS_URL: redisUrl, MYSQL_URL: mysqlUrl })).not.toThrow();
  });

  it('scale on a metric that the pods export, under the name that the HPA requests', () => {
    const exported = readFileSync('app/telemetry/ledger-metrics.ts', 'utf8');
    const [rule] = parse(textOf('autoscaling/prometheus-adapter.yaml')).rules.custom;
    const series = /^holdfast_(\w+)\{/.exec(rule.seriesQuery)?.[1];
    expect(exported).toContain(`'${series}'`);
    const hpa = render(SECRET, { files: EXAMPLES['prometheus-adapter'] ?? [] }).get(
      'HorizontalPodAutoscaler/holdfast-api',
    );
    const metric = hpa?.['spec'].metrics.find(({ type }: { type: string }) => type === 'Pods').pods;
    expect(metric.metric.name).toBe(rule.name.as);
    expect(metric.target.averageValue).toBe('2500');
    const keda = render(SECRET, { files: EXAMPLES['KEDA'] ?? [] }).get('ScaledObject/holdfast-api');
    const trigger = keda?.['spec'].triggers.find(({ type }: { type: string }) => type === 'prometheus');
    expect(trigger.metadata.query).toContain(`rate(holdfast_${series}{`);
  });
});
