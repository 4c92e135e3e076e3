package methods

func spcMethods() []Method { return nil }
