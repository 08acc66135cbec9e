//! A real kube-apiserver and etcd as plain processes.
