DROP TABLE run_log;
DROP TABLE runs;
DROP TABLE message_search;
DROP TABLE messages;
DROP TABLE conversations;
