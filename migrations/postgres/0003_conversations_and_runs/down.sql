DROP TABLE run_log;
DROP TABLE runs;
DROP TABLE messages;
DROP TABLE conversations;
