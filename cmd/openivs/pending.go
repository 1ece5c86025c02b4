package main

type backupCommand struct{}
type restoreCommand struct{}
type credentialsCommand struct{}

func (backupCommand) Run() error      { return nil }
func (restoreCommand) Run() error     { return nil }
func (credentialsCommand) Run() error { return nil }
