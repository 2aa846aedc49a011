import { describe, expect, it } from 'vitest';
import { areRanges, OutgoingAddresses } from './outgoing-addresses.ts';

const strict = new OutgoingAddresses({ allowed: [], denied: [], http: false });

describe('OutgoingAddresses', () => {
  it.each(['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '2606:4700::1111', '[2a00:1450::1]'])(
    'allows %s',
    (address) => {
      expect(strict.allows(address)).toBe(true);
    },
  );

  it.each([
    ['loopback', '127.0.0.1', '127.255.255.254', '::1', '[::1]'],
    ['unspecified', '0.0.0.0', '0.1.2.3', '::'],
    ['private', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
    ['link-local, including cloud metadata', '169.254.169.254', 'fe80::1', 'fe80::1%eth0'],
    ['shared address space (CGNAT)', '100.64.0.1', '100.100.100.200', '100.127.255.255'],
    ['unique-local', 'fd00::1', 'fc00::1', 'fd00:ec2::254'],
    ['site-local', 'fec0::1'],
    ['multicast and broadcast', '224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1'],
    ['reserved', '240.0.0.1', '192.0.0.192', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '2001:db8::1'],
    ['IPv4-mapped', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:7f00:1', '::ffff:8.8.8.8'],
    ['IPv4-compatible', '::127.0.0.1', '::10.0.0.1'],
    ['NAT64', '64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::a00:1'],
    ['IPv4-translated', '::ffff:0:127.0.0.1'],
    ['6to4 and Teredo', '2002:7f00:1::', '2002:a00:1::1', '2001:0:1::1'],
    ['unassigned', '4000::1', '1::1', '8000::1', '5f00::1', '100::1'],
    ["Azure's wire server", '168.63.129.16', '::ffff:168.63.129.16'],
    ['no address', 'localhost', '', '127.1', '0x7f000001', '2130706433', '1.2.3', 'example.org'],
  ])('refuses %s', (_what, ...addresses) => {
    for (const address of addresses) expect(strict.allows(address), address).toBe(false);
  });

  it('allows private ranges that are given as allowed, and refuses public ranges that are given as denied', () => {
    const rules = { allowed: ['10.1.0.0/16', 'fd00:1::/32', '127.0.0.0/8'], denied: ['8.8.0.0/16', '10.1.2.0/24'] };
    const some = new OutgoingAddresses({ ...rules, http: true });
    for (const address of ['10.1.0.1', 'fd00:1::2', '127.0.0.1', '::ffff:10.1.0.1', '9.9.9.9'])
      expect(some.allows(address), address).toBe(true);
    for (const address of ['10.2.0.1', 'fd00:2::1', '8.8.8.8', '10.1.2.3', '::ffff:8.8.8.8'])
      expect(some.allows(address), address).toBe(false);
  });

  it.each([
    ['http://example.org/', 'begins with https://'],
    ['ftp://example.org/', 'begins with https://'],
    ['not a URL', 'begins with https://'],
    ['https://', 'begins with https://'],
    ['https://user:password@example.org/', 'password'],
    ['https://user@example.org/', 'user name'],
    ['https://example.org/#part', 'fragment'],
    [`https://example.org/${'x'.repeat(2048)}`, '2048'],
    // The URL parser converts all of these to 127.0.0.1.
    ...['127.0.0.1', '127.1', '0x7f.1', '2130706433', '0177.0.0.1', '127.0.0.1.', '①②⑦.0.0.1'].map((host) => [
      `https://${host}/`,
      'private network',
    ]),
    ['https://[::1]/', 'private network'],
    ['https://[::ffff:169.254.169.254]/', 'private network'],
    ['https://169.254.169.254/latest/meta-data', 'private network'],
  ])('finds the fault in %.40s', (href, fault) => {
    expect(strict.faultOf(String(href))).toContain(fault);
  });

  it('accepts URLs with host names, which are looked up for each connection', () => {
    for (const href of ['https://example.org/hook?x=1', 'https://example.org:8443/', 'https://8.8.8.8/'])
      expect(strict.faultOf(href), href).toBeNull();
    const local = new OutgoingAddresses({ allowed: ['127.0.0.0/8'], denied: [], http: true });
    expect(local.faultOf('http://127.0.0.1:8080/')).toBeNull();
  });

  it('recognizes valid ranges', () => {
    expect(areRanges('10.0.0.0/8, fd00::/8')).toBe(true);
    for (const wrong of ['', '10.0.0.0', '10.0.0.0/33', 'x/8']) expect(areRanges(wrong), wrong).toBe(false);
  });
});
