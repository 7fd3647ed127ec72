DROP TRIGGER two_hats ON auth_user;
DROP TRIGGER two_hats ON auth_group_permissions;
DROP TRIGGER two_hats ON auth_user_user_permissions;
DROP TRIGGER two_hats ON auth_user_groups;
DROP FUNCTION refuse_two_hats();
DROP FUNCTION accounts_of_two_hats(integer[]);
DROP FUNCTION kind_of_right(text, text);
