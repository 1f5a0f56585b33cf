DROP TABLE mailed_links;
DROP TABLE password_history;
