DROP TABLE key_replicas;
