struct user {
	int __none;
};
