DROP TABLE key_set_witnesses;
DROP TABLE key_sets;
