#!/bin/bash
# The first process of a node: containerd, kubelet, kube-proxy and kube-router (network policies), in separate
# namespaces. When it is killed, the kernel ends everything on the node, as if the machine had lost power. From the
# environment: NODE NODE_ADDRESS FOLDER SOCKETS IMAGES SERVICES KUBECONFIGS
set -u
containerd_socket=$SOCKETS/containerd.sock
hostname "$NODE"
mount --make-rprivate /

# A restarted node may find state that its previous run left behind.
rm -rf "$SOCKETS/containerd" "$containerd_socket"*
containerd --config "$FOLDER/containerd.toml" > "$FOLDER/containerd.log" 2>&1 &
for _ in $(seq 150); do
  ctr -a "$containerd_socket" version > /dev/null 2>&1 && break
  sleep 0.2
done
for image in "$IMAGES"/*.tar; do
  ctr -a "$containerd_socket" -n k8s.io images import --snapshotter overlayfs "$image"
done > "$FOLDER/import.log" 2>&1

kube-proxy --config "$FOLDER/kube-proxy.yaml" > "$FOLDER/kube-proxy.log" 2>&1 &

# Restarts a program whenever it ends, because kube-router keeps exiting until the node is registered.
keep_running() {
  local log=$FOLDER/$1.log
  while :; do
    "$@" >> "$log" 2>&1
    echo "$1 ended with $?" >> "$log"
    sleep 1
  done
}
keep_running kube-router --run-firewall=true --run-router=false --run-service-proxy=false --run-loadbalancer=false \
  --hostname-override="$NODE" --kubeconfig="$KUBECONFIGS/admin.conf" --service-cluster-ip-range="$SERVICES" \
  --health-port=0 --metrics-port=0 &
keep_running kubelet --config "$FOLDER/kubelet.yaml" --kubeconfig "$KUBECONFIGS/$NODE.conf" --hostname-override "$NODE" \
  --node-ip "$NODE_ADDRESS" --root-dir "$FOLDER/kubelet" --node-labels "topology.kubernetes.io/zone=zone-${NODE#node-}"
