package methods

func planningMethods() []Method { return nil }
